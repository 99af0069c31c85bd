"""People: the console and the `branchfleet` command."""
