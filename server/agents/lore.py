"""What an agent carries for the people of its branch, for the time when nobody can ask the server."""

import tomllib
from functools import cache
from importlib.resources import files

import msgspec
from sqlmodel import Session, col, select

from agent.wire import Card, Lore, LoreLine, LorePosition, Steps, Title
from server.health.rules import Fix, shipped
from server.inventory.tables import Branch, Contingency, DeviceClass, Line, Position, Subject

_AS_PART = {"power.battery": ("power", "battery")}  # the rule looks at this word alone


def lore_of(session: Session, agent_id: int) -> Lore | None:
    """Of the branch the agent stands in."""
    found = session.exec(
        select(Subject, Branch)
        .join(Branch, col(Branch.id) == col(Subject.id))
        .where(col(Subject.id).in_(select(Subject.branch_id).where(Subject.id == agent_id)))
    ).first()
    if found is None:
        return None
    home, branch = found
    return Lore(
        branch=home.key,
        name=home.name,
        address=branch.address,
        phone=branch.phone,
        people=dict(sorted(branch.people.items())),
        positions=_positions(session, branch.id),
        lines=_lines(session, branch.id),
        cards=_cards(),
        reasons=_reasons(),
        plans=_plans(session),
    )


def _positions(session: Session, branch_id: int) -> dict[str, LorePosition]:
    rows = session.exec(
        select(Subject.key, Subject.name, Position.cls, DeviceClass.name)
        .join(Position, col(Position.id) == col(Subject.id))
        .join(DeviceClass, col(DeviceClass.key) == col(Position.cls), isouter=True)
        .where(Subject.branch_id == branch_id, col(Subject.removed_at).is_(None))
        .order_by(col(Subject.key))
    )
    return {key: LorePosition(name, cls, cls_name or cls) for key, name, cls, cls_name in rows}


def _lines(session: Session, branch_id: int) -> list[LoreLine]:
    rows = session.exec(
        select(Subject, Line)
        .join(Line, col(Line.id) == col(Subject.id))
        .where(Subject.branch_id == branch_id, col(Subject.removed_at).is_(None))
        .order_by(col(Line.role).desc(), col(Subject.key))  # main before backup
    )
    return [
        LoreLine(
            key=subject.key,
            name=subject.name,
            role=line.role,
            carrier=line.carrier,
            circuit=line.circuit,
            bandwidth=line.bandwidth,
            fault_phone=line.fault_phone,
        )
        for subject, line in rows
    ]


@cache
def _reasons() -> dict[str, Title]:
    return {reason: Title(text.zh, text.en) for reason, text in shipped().reason.items()}


@cache
def _cards() -> list[Card]:
    """The shipped cards an agent can match: those of a word, not those of a rule about numbers or lines."""
    return [_card(fix) for fix in shipped().fix if not fix.rule or fix.rule in _AS_PART]


def _card(fix: Fix) -> Card:
    part, word = _AS_PART.get(fix.rule, (fix.part, fix.word))
    return Card(zh=fix.zh, en=fix.en, part=part, word=word, device=fix.device, classes=fix.classes)


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    zh: list[str]
    en: list[str]


@cache
def shipped_plans() -> dict[str, _Written]:
    """What this program came with, by case."""
    text = files("server.agents").joinpath("plans.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), dict[str, _Written])


def _plans(session: Session) -> list[Steps]:
    """The bank's own steps are in the bank's own language, whatever is asked for."""
    own = {row.key: list(row.body["steps"]) for row in session.exec(select(Contingency))}
    return [Steps(key, own.get(key, written.zh), own.get(key, written.en)) for key, written in shipped_plans().items()]
