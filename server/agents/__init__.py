"""The programs that poll: how they prove themselves, and what they are to do."""
