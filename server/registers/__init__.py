"""Registers the bank's rules demand, filled from what is known: so far that of security checks (计算机安全检查登记簿)."""
