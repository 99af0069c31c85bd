"""Software licences: the register of what was bought, against what hosts say is installed and in use."""
