"""Following the record log: a thread, its cursor, and the steps between."""
