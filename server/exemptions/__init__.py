"""Exemptions: who lets a host be that fails a check, what is done instead, and until when."""
