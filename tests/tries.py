"""How many examples a property is tried with: few each time, for whoever waits; many for a night."""

import os


def tries(few: int) -> int:
    """`few`, or so many times that as BRANCHFLEET_TRIES says."""
    return few * int(os.environ.get("BRANCHFLEET_TRIES", "1"))
