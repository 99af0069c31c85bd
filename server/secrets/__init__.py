"""Communities and passwords of devices, by name, encrypted at rest."""
