"""Looking around: what this PC has plugged in and what a network holds, proposed as positions of an inventory."""
