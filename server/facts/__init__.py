"""What hosts say of themselves: the newest sheet of each topic, and what differed from one to the next."""
