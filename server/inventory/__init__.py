"""What the inventory owns: branches, lines, calendars, positions, classes, rules, agents."""
