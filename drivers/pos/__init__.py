"""Card readers, one file a protocol."""
