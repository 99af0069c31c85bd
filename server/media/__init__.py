"""Removable media: the register of the bank's own, and what agents saw put in and taken out of their PCs."""
