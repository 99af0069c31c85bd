"""How the server speaks HTTP: the port, the bodies, how it says no, and how it ends."""
