"""`python -m tui` is `branchfleet`."""

from tui.cli import main

main()
