"""Registers the bank's rules demand, filled from what is known. So far: security checks (计算机安全检查登记簿)."""
