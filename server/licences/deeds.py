"""What may be done with licences, by head office: registered, changed, withdrawn."""

import re
from datetime import date
from typing import Any, Final

from sqlmodel import Session, func, select

from server.errors import Conflict, Invalid, NotFound
from server.events.publish import invalidate
from server.journal.deeds import Act, record
from server.journal.personal import seal_personal
from server.licences.products import Products
from server.licences.queries import day_of
from server.licences.tables import Licence
from server.plain import clean
from server.schemas.licences import LicenceChange, LicenceCreate, LicenceWithdraw

# Microsoft's and Kingsoft's have five times five signs, Adobe's six times four digits.
# ASCII: a key may stand right behind a Chinese word.
KEY: Final = re.compile(r"\b[A-Z0-9]{5}(-[A-Z0-9]{5}){4}\b|\b\d{4}(-\d{4}){5}\b", re.IGNORECASE | re.ASCII)
BARE: Final = re.compile(r"\b[A-Z0-9]{5}( ?[A-Z0-9]{5}){4}\b", re.IGNORECASE | re.ASCII)


def register(session: Session, act: Act, known: Products, asked: LicenceCreate) -> Licence:
    code = _line(asked.code)
    if not code:
        raise Invalid("A licence needs a number of its own.")
    same = select(Licence).where(func.lower(Licence.code) == code.lower())  # or its seats would count twice
    if (there := session.exec(same).first()) is not None:
        raise Conflict("There is a licence {code} already.", code=there.code)
    made = Licence(
        code=code,
        product=_product(known, _line(asked.product)),
        publisher=_line(asked.publisher),
        kind=asked.kind,
        seats=asked.seats,
        contract=_line(asked.contract),
        bought_on=asked.bought_on,
        expires_on=asked.expires_on,
        keeper=_line(asked.keeper),
        key_at=_line(asked.key_at),
        patterns=_patterns(asked.patterns),
        note=clean(asked.note),
        since=act.now,
    )
    if made.bought_on > day_of(session, act.now):
        raise Invalid("That day has not come: {day}.", day=made.bought_on)
    _hold(known, made)
    session.add(made)
    _journal(session, act, "licence.register", made, None)
    return made


def change(session: Session, act: Act, known: Products, asked: LicenceChange) -> Licence:
    one = _standing(session, _line(asked.code))
    before = _facts(session, one)
    if asked.for_good and asked.expires_on is not None:
        raise Invalid("A licence ends on a day, or is for good: one of the two.")
    one.seats = asked.seats if asked.seats is not None else one.seats
    one.expires_on = None if asked.for_good else asked.expires_on or one.expires_on
    for name in ("contract", "keeper", "key_at", "note"):
        if (said := getattr(asked, name)) is not None:
            setattr(one, name, clean(said) if name == "note" else _line(said))
    if asked.patterns is not None:
        one.patterns = _patterns(asked.patterns)
    _hold(known, one)
    one.since = act.now
    session.add(one)
    _journal(session, act, "licence.change", one, before)
    return one


def withdraw(session: Session, act: Act, asked: LicenceWithdraw) -> Licence:
    """For good: given back, or its contract is over."""
    one = _standing(session, _line(asked.code))
    before = _facts(session, one)
    reason = clean(asked.reason)
    if not reason:
        raise Invalid("Say why.")
    one.withdrawn_at = one.since = act.now
    session.add(one)
    _journal(session, act, "licence.withdraw", one, before, reason)
    return one


def note_export(session: Session, act: Act, branch: str | None, rows: int, sha256: str) -> None:
    about = f"branch:{branch}" if branch else "licences"
    record(session, act, deed="licence.export", about=about, after={"rows": rows, "sha256": sha256})


def _standing(session: Session, code: str) -> Licence:
    one = session.exec(select(Licence).where(Licence.code == code)).first()
    if one is None:
        raise NotFound("There is no licence {code}.", code=code[:40])
    if one.withdrawn_at is not None:
        raise Conflict("{code} is withdrawn; nothing more is done with it.", code=one.code)
    return one


def _product(known: Products, called: str) -> str:
    """By its id or its name; else it is a product of its own."""
    if not called:
        raise Invalid("Say of which product.")
    named = (one.id for one in known.by_id.values() if one.name.casefold() == called.casefold())
    return called if called in known.by_id else next(named, called)


def _hold(known: Products, one: Licence) -> None:
    if one.expires_on is not None and one.expires_on < one.bought_on:
        raise Invalid("It ends before it was bought: {day}.", day=one.expires_on)
    product = known.by_id.get(one.product)
    if one.patterns and product is not None and product.system:
        raise Invalid("{name} is an operating system; its hosts are known by that, not by programs.", name=product.name)
    for said in (one.code, one.contract, one.key_at, one.note, one.keeper, one.product):
        if _holds_key(said):
            raise Invalid("That looks like a key. Write down where it is kept, never the key itself.")


def _holds_key(said: str) -> bool:
    """Written without hyphens it is told from words and from numbers by having letters and digits."""
    bare = (found[0] for found in BARE.finditer(said))
    return KEY.search(said) is not None or any(
        any(sign.isdigit() for sign in one) and any(sign.isalpha() for sign in one) for one in bare
    )


def _patterns(said: list[str]) -> list[str]:
    patterns = [_line(one) for one in said]
    if any(len(one.replace("*", "")) < 2 for one in patterns):
        raise Invalid("Two letters at least say what a program is called; * is anything.")
    return patterns


def _line(said: str) -> str:
    return clean(said).replace("\n", " ")


def _facts(session: Session, one: Licence) -> dict[str, Any]:
    def day(said: date | None) -> str | None:
        return None if said is None else said.isoformat()

    return {
        "product": one.product,
        "publisher": one.publisher,
        "kind": one.kind.value,
        "seats": one.seats,
        "contract": one.contract,
        "bought_on": day(one.bought_on),
        "expires_on": day(one.expires_on),
        "keeper": seal_personal(session, one.keeper) if one.keeper else "",
        "key_at": one.key_at,
        "patterns": list(one.patterns),
        "note": one.note,
    }


def _journal(session: Session, act: Act, deed: str, one: Licence, before: Any, reason: str = "") -> None:
    session.flush()
    after = _facts(session, one)
    record(session, act, deed=deed, about=f"licence:{one.code}", before=before, after=after, reason=reason)
    invalidate(session, "licence", one.code, None, act.now)
