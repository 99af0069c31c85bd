"""Payment terminals, one file a protocol."""
