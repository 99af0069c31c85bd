"""What commands call what they print for people: English here, Chinese from the catalogue. `--json` keeps names."""

from typing import Final

from server.texts import Gettext

LABELS: Final = {
    # init, person, agent code
    "home": "folder",
    "login": "login",
    "password": "one-time password",
    "code": "one-time code",
    "agent": "agent",
    "until": "good until",
    # ca
    "authority": "CA",
    "fingerprint": "fingerprint of the CA",
    "authority_ends": "the CA ends",
    "certificate_ends": "the certificate ends",
    "names": "the certificate names",
    "trusted_too": "trusted too",
    "agents_to_learn": "agents to learn the next CA",
    # clock
    "machine": "this machine's clock",
    "journal": "journal",  # in status: how many deeds; here: the time of the last
    "leapt": "more than a year apart",
    # status
    "version": "version",
    "bank": "bank",
    "at": "as of",
    "branches": "branches",
    "positions": "positions",
    "agents": "agents",
    "observations": "observations",
    "conditions": "conditions",
    "conditions_open": "conditions open",
    "tickets": "tickets",
    "tickets_open": "tickets open",
    "health_lag": "records to be judged",
    # journal check
    "rows": "rows",
    "ok": "holds",
    "broken_at": "broken at row",
    "head": "newest hash",
    # aside show
    "id": "number",
    "first_at": "came first",
    "last_at": "came last",
    "times": "times",
    "why": "why",
    "media": "media type",
    "encoding": "encoding",
    "size": "bytes",
    "kept": "bytes kept",
    "sha256": "SHA-256",
}


def label(name: str, _: Gettext) -> str:
    return _(LABELS[name])


def word(value: object, _: Gettext) -> object:
    """Yes, no and nothing are said; all else is data."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    return "" if value is None else value
