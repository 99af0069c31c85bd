"""Bearer tokens: 256 random bits behind a word that says whose. What is stored is their SHA-256 only."""

import hashlib
import secrets

PERSON = "bfs_"
AGENT = "bfa_"
METRICS = "bfm_"


def new_token(prefix: str) -> str:
    return prefix + secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """A plain digest keeps a token that cannot be guessed; there is nothing for argon2 to slow down."""
    return hashlib.sha256(token.encode()).hexdigest()
