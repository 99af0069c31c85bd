"""Sealing: AES-256-GCM with the home's key. A sealed value belongs to its name and cannot be moved to another."""

import secrets
from collections.abc import Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

REFERENCE = "secret:"  # "secret:snmp-v3" in an option stands for the secret of that name
_NONCE = 12


class SealBroken(Exception):
    """The value was sealed with another key, under another name, or was changed."""


def seal(key: bytes, name: str, value: str) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, value.encode(), name.encode())


def unseal(key: bytes, name: str, sealed: bytes) -> str:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], name.encode()).decode()
    except (InvalidTag, ValueError):
        raise SealBroken(name) from None


def names_in(value: Any) -> set[str]:
    """The names of the secrets that options ask for."""
    if isinstance(value, str):
        return {value.removeprefix(REFERENCE)} if value.startswith(REFERENCE) else set()
    if isinstance(value, Mapping):
        return {name for inner in value.values() for name in names_in(inner)}
    if isinstance(value, list | tuple):
        return {name for inner in value for name in names_in(inner)}
    return set()


def fill_in(value: Any, secrets_by_name: Mapping[str, str]) -> Any:
    """`value` with every reference replaced; KeyError names the one there is not."""
    if isinstance(value, str) and value.startswith(REFERENCE):
        return secrets_by_name[value.removeprefix(REFERENCE)]
    if isinstance(value, Mapping):
        return {key: fill_in(inner, secrets_by_name) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [fill_in(inner, secrets_by_name) for inner in value]
    return value
