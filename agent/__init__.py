"""The program on a branch PC: polls devices, keeps what it saw, sends it to the centre."""
