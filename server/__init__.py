"""The centre: takes records in, judges health, keeps tickets, ledger and journal."""
