"""What must never be read in a log, a file, a report or on a screen: the devices' passwords and the agent's own proof.

Every text that leaves the program for a person goes through `Secrets.hide`. It knows the secrets of this run, in the
spellings in which programs tend to print them; it does not guess at what merely looks like one.
"""

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextvars import ContextVar
from urllib.parse import quote, quote_plus

from agent.wire import Polled
from drivers.base import Driver

HIDDEN = "[secret]"  # ASCII: an old console prints it too
SHORT = 4  # characters; what is shorter is hidden only where it stands by itself, or every "1" would go
_NAMED = re.compile(r"pass|pwd|secret|token|communit|credential|\bkey\b|(?<!host)_key|\bpin\b|口令|密码", re.IGNORECASE)
_INPUT = re.compile(r"input_value=.*?, input_type=", re.DOTALL)  # pydantic cuts a long value in its middle


class Secrets:
    """The secrets of one run. What was learned stays: a password that was changed is one still."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._spelled: re.Pattern[str] | None = None
        self._bytes: re.Pattern[bytes] | None = None

    def learn(self, *secrets: str) -> None:
        fresh = {secret for secret in secrets if secret} - self._known
        if not fresh:
            return
        self._known |= fresh
        spellings = {spelling for secret in self._known for spelling in _spellings(secret)}
        longest_first = sorted(spellings, key=lambda spelling: (-len(spelling), spelling))
        self._spelled = re.compile("|".join(map(_alone_if_short, longest_first)))
        encoded = {_encoded(secret) for secret in self._known if len(secret) >= SHORT}
        longest_first_bytes = sorted(encoded, key=len, reverse=True)
        self._bytes = re.compile(b"|".join(map(re.escape, longest_first_bytes))) if encoded else None

    def forget(self, secret: str) -> None:
        """It opens nothing any more; of the tokens of a year the pattern would grow without end."""
        if secret in self._known:
            known, self._known = self._known - {secret}, set()
            self._spelled = self._bytes = None
            self.learn(*known)

    def learn_options(self, polled: Polled, driver: type[Driver] | None) -> None:
        """Those among a position's options; `driver` is the one it is polled by, where there is one."""
        for key, value in polled.options.items():
            if _is_secret(key, value, polled, driver):
                self.learn(*_texts(value))

    def hide(self, text: str) -> str:
        """`text` without any of them."""
        if self._spelled is not None:
            text = self._spelled.sub(HIDDEN, text)
        return _INPUT.sub(f"input_value={HIDDEN}, input_type=", text) if "input_value=" in text else text

    def hide_bytes(self, data: bytes) -> bytes:
        """The same for what a device answered. It stays as long as it was: what stands behind keeps its place."""
        return self._bytes.sub(lambda found: b"*" * len(found[0]), data) if self._bytes is not None else data


OF_THIS_RUN: ContextVar[Secrets] = ContextVar("secrets of this run")


def of_this_run() -> Secrets:
    """The secrets of the command that runs; those of nobody where none does."""
    known = OF_THIS_RUN.get(None)
    if known is None:
        known = Secrets()
        OF_THIS_RUN.set(known)
    return known


def _is_secret(key: str, value: object, polled: Polled, driver: type[Driver] | None) -> bool:
    """What came as one, what the driver does not show, and what is named like one; no default, "public" say."""
    if key in polled.secret:
        return True
    field = driver.Options.model_fields.get(key) if driver is not None else None
    if field is not None and value == field.get_default():
        return False
    return (field is not None and not field.repr) or _NAMED.search(key) is not None


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _spellings(secret: str) -> Iterator[str]:
    """As it is, and as repr, JSON, a URL, a dump of bytes and base64 write it."""
    data = _encoded(secret)
    yield secret
    yield from (repr(secret)[1:-1], ascii(secret)[1:-1], repr(data)[2:-1])
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (quote(data, safe=""), quote(data), quote_plus(data))
    if len(secret) >= SHORT:
        yield from (data.hex(), data.hex(" "), data.hex().upper(), b64encode(data).decode().rstrip("="))


def _encoded(secret: str) -> bytes:
    return secret.encode(errors="surrogatepass")


def _alone_if_short(spelling: str) -> str:
    found = re.escape(spelling)
    return found if len(spelling) >= SHORT else rf"(?<!\w){found}(?!\w)"
