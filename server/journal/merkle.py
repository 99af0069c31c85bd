"""The root that proves the lines of a bulk deed, as RFC 6962 builds it: leaves and nodes cannot be confused."""

import hashlib
from collections.abc import Iterable


def merkle_root(lines: Iterable[str]) -> str:
    """The root over `lines` in their order, as hexadecimal."""
    level = [hashlib.sha256(b"\x00" + line.encode()).digest() for line in lines]
    if not level:
        return hashlib.sha256(b"").hexdigest()
    return _root(level).hex()


def _root(leaves: list[bytes]) -> bytes:
    """Level by level: a node without a partner moves up as it is, which is RFC 6962's tree."""
    while len(leaves) > 1:
        pairs = [
            hashlib.sha256(b"\x01" + leaves[at] + leaves[at + 1]).digest() if at + 1 < len(leaves) else leaves[at]
            for at in range(0, len(leaves), 2)
        ]
        leaves = pairs
    return leaves[0]
