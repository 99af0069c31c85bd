"""Checks: what a bank asks of every host, judged here from what hosts said. docs/checks.md has the language."""
