"""What a campaign asks stays as it was when it began, whatever becomes of the files: its checks, and the bank's own."""

from collections.abc import Mapping

from msgspec.structs import replace

from server.campaigns.tables import Campaign
from server.checks.bank import Bank
from server.checks.check import BadCheck, Check, broken_check, read_check
from server.checks.kept import Kept


def as_asked(check: Check) -> dict[str, str]:
    """As a campaign keeps it."""
    named = {"id": check.id, "zh": check.title.zh, "en": check.title.en, "severity": check.severity}
    return {**named, "broken": check.broken} if check.broken else {**named, "text": check.text}


def check_of(asked: Mapping[str, str], kept: Kept) -> Check | None:
    """The check as it was; one that an older version asked goes by that of now. None: there is none any more."""
    if file := asked.get("broken"):
        return broken_check(asked["id"], file, None)
    if text := asked.get("text"):
        try:
            return read_check(text, asked["id"])
        except BadCheck:  # a newer version takes it no more
            return None
    return next((one for one in kept.checks if one.id == asked["id"]), None)


def with_bank_of(campaign: Campaign, kept: Kept) -> Kept:
    """`kept` with what the bank had written down when the campaign began."""
    return kept if campaign.bank is None else replace(kept, bank=Bank.thawed(campaign.bank))
