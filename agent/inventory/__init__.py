"""What an inventory says: branches, lines, positions, classes, rules, and seeds of the ledger. A door."""
