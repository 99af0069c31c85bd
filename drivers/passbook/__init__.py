"""Passbook printers, one file an emulation."""
