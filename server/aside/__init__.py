"""Batches that could not be read: kept with their reason, within bounds, for a person to look at."""
