"""Who the server is: its own certificate authority, the certificate it serves with, and the bank's own instead."""
