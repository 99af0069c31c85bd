"""One file a device family: bytes from a device in, a Reading out."""
