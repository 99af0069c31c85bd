"""Pieces of screens. A widget is given what it shows; it never asks the server."""
