"""What an agent owed, what its records attest, and why the rest is missing."""
