"""Tells screens what to fetch again."""
