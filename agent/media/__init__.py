"""Sticks, cards and disks that are put into this PC and taken out of it."""
