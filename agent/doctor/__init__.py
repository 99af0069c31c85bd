"""`branchfleet-agent doctor`: what does not stand well on this PC, and the step that mends it. One file a noun."""
