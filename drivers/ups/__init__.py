"""UPSes, one file a protocol."""
