"""Whether a firewall stands before what comes in: by nft, else by iptables. Both tell it to root alone."""

import json
import os
from pathlib import Path
from typing import Any, Final

from agent.facts.programs import ask
from agent.facts.sheet import NotRead
from agent.wire import Told

STOPS: Final = ("drop", "reject")


def firewall(root: Path) -> dict[str, Told]:
    """On: what comes in meets a policy that drops, or some rule that drops or rejects. Raises NotRead."""
    ways = (("nftables", by_nft), ("iptables", by_iptables))
    failed: list[NotRead] = []
    looked = ""
    for kind, on in ways:
        try:
            if on(root):
                return {"firewall.on": True, "firewall.kind": kind}
            looked = looked or kind
        except NotRead as error:
            failed.append(error)
    if other := [error for error in failed if error.why != "absent"]:
        raise other[0]
    if not looked:
        raise failed[0]
    return {"firewall.on": False, "firewall.kind": looked}


def by_nft(root: Path) -> bool:
    said = ask(root, "nft", "-j", "list", "ruleset")
    if said.code:
        raise NotRead("unreadable" if _root() else "rights", said.text)
    try:
        found: list[Any] = json.loads(said.text)["nftables"]
        chains = [one["chain"] for one in found if "chain" in one]
        entered = [chain for chain in chains if chain.get("hook") == "input"]
        rules = [one["rule"] for one in found if "rule" in one]
        if any(chain.get("policy") == "drop" for chain in entered):
            return True
        met = _met_by(rules, [(chain["family"], chain["table"], chain["name"]) for chain in entered])
        return any(stop in part for rule in met for part in rule["expr"] for stop in STOPS)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise NotRead("unreadable", said.text) from error


def _met_by(rules: list[Any], chains: list[tuple[str, str, str]]) -> list[Any]:
    """The rules that what comes in may meet: of these chains, and of those they lead to. What is passed on to others,
    as to containers, meets rules of the same tables that guard nothing here."""
    met: list[Any] = []
    waiting, seen = list(chains), set(chains)
    while waiting:
        family, table, name = waiting.pop()
        for rule in rules:
            if (rule["family"], rule["table"], rule["chain"]) == (family, table, name):
                met.append(rule)
                leads = {part[how]["target"] for part in rule["expr"] for how in ("jump", "goto") if how in part}
                fresh = {(family, table, target) for target in leads} - seen
                seen |= fresh
                waiting += sorted(fresh)
    return met


def by_iptables(root: Path) -> bool:
    said = ask(root, "iptables", "-w", "2", "-S", "INPUT")
    if said.code:
        raise NotRead("unreadable" if _root() else "rights", said.text)
    lines = said.text.splitlines()
    return "-P INPUT DROP" in lines or any(" -j DROP" in line or " -j REJECT" in line for line in lines)


def _root() -> bool:
    return getattr(os, "geteuid", lambda: 0)() == 0
