"""Whatever answers SNMP: hosts and network gear, printers, UPSes, NCR's self-service terminals.

`driver.py` is the driver; `profiles/*.toml` say which object is which metric; `engine.py` speaks the protocol.
"""
