"""A sweep: the addresses of one network of this PC are asked by ARP, one after another, and who answers is told."""
