"""The wire against the ledger: who is on the networks, by tables of switches, routers and PCs, and who should be."""
