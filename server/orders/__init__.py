"""What people have agents do now: pushes, the orders they are made of, and how each of them ended."""
