"""The other end of each driver: simulators that speak the real protocol, with faults to switch on."""
