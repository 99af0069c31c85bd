"""操作日志: what people and the system did, append-only and hash-chained."""
