"""The commands of `branchfleet`: a file each, and what they are made of."""
