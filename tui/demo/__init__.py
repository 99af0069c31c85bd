"""`branchfleet demo`: a bank on one machine. It starts the other programs as they are; none of them knows of it."""
