"""Branches, positions and the home of each role: what a person looks at."""
