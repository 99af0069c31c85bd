"""What a host's sheets say of products: which it has, and which it may have without anybody knowing. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from server.checks.sheets import DAY, Host, Lack, Sheet, fact
from server.licences.products import Product, Products
from server.schemas.licences import Gap, Install

FRESH: Final = 30 * DAY  # µs a sheet speaks for: programs change slowly, and some PCs are off for weeks
TOPICS: Final = ("host", "software", "policy")
ALL: Final = ""  # of `gaps`: whatever is not in `has`
LICENCE: Final = "licence"  # of `has` of the sheet `policy`
SAID: Final = {"licensed": Install.USED, "unlicensed": Install.UNLICENSED, "grace": Install.GRACE}
GAPS: Final = {"never": Gap.NEVER, "old": Gap.OLD, "rights": Gap.RIGHTS, "absent": Gap.NOTHING, "timeout": Gap.TIMEOUT}


class Said(NamedTuple):
    """A sheet as far as licences ask for it. `has`: product -> what the host calls it; `gaps`: product -> why it is not
    known whether it has that."""

    at: int
    has: Mapping[str, str]
    gaps: Mapping[str, Gap]


class Found(NamedTuple):
    word: Install
    why: Gap | None = None
    program: str = ""
    at: int | None = None


def said(topic: str, sheet: Sheet, products: Products) -> Said:
    host = Host("", {topic: sheet})
    if topic == "software":
        return _programs(host, sheet.at, products)
    return _system(host, sheet.at, products) if topic == "host" else _licence(host, sheet.at)


def _programs(host: Host, at: int, products: Products) -> Said:
    programs = fact(host, "software", at, DAY)
    if not isinstance(programs, tuple):
        return Said(at, {}, {ALL: _gap(programs)})
    has: dict[str, str] = {}
    for program in programs:
        name, _, version = program.partition("\t")
        for product in products.called(name):
            has.setdefault(product, f"{name} {version}".strip())
    left_out = fact(host, "software.left_out", at, DAY)
    return Said(at, has, {} if left_out == 0 and left_out is not False else {ALL: Gap.LEFT_OUT})


def _system(host: Host, at: int, products: Products) -> Said:
    """Of an edition nobody said, each system it may be is not known."""
    name = fact(host, "os.name", at, DAY)
    if not isinstance(name, str):
        return Said(at, {}, {ALL: _gap(name)})
    edition, build = fact(host, "os.edition", at, DAY), fact(host, "os.build", at, DAY)
    called = f"{name} {build}" if isinstance(build, str) else name
    has: dict[str, str] = {}
    gaps: dict[str, Gap] = {}
    for one in products.systems(name):
        if not one.editions or (isinstance(edition, str) and one.is_edition(edition)):
            has[one.id] = called
        elif not isinstance(edition, str):
            gaps[one.id] = _gap(edition)
    return Said(at, has, gaps)


def _licence(host: Host, at: int) -> Said:
    word = fact(host, "licence", at, DAY)
    return Said(at, {LICENCE: word}, {}) if isinstance(word, str) else Said(at, {}, {ALL: _gap(word)})


def _gap(lack: object) -> Gap:
    return GAPS.get(lack.word, Gap.UNREADABLE) if isinstance(lack, Lack) else Gap.UNREADABLE


def found(product: Product, told: Mapping[str, Said], now: int) -> Found:
    """How a host stands to a product. What is old says nothing, neither that it is there nor that it is not."""
    if not product.topic:
        return Found(Install.UNKNOWN, Gap.UNNAMED)
    one = told.get(product.topic)
    gap = silent(one, now)
    if one is None or gap:
        return Found(Install.UNKNOWN, gap, at=one.at if one else None)
    program = one.has.get(product.id)
    if program is not None:
        return Found(_use(product, told.get("policy"), now), program=program, at=one.at)
    gap = one.gaps.get(product.id) or one.gaps.get(ALL)
    return Found(Install.UNKNOWN if gap else Install.ABSENT, gap, at=one.at)


def silent(one: Said | None, now: int) -> Gap | None:
    """Why a sheet says nothing at all."""
    return Gap.NEVER if one is None else Gap.OLD if now - one.at > FRESH else None


def unlisted(programs: Said | None, now: int) -> Gap | None:
    """Why the programs of a host are not known, or not all of them."""
    gap = silent(programs, now)
    return gap if gap or programs is None else programs.gaps.get(ALL)


def _use(product: Product, policy: Said | None, now: int) -> Install:
    if not product.activation:
        return Install.USED
    if policy is None or silent(policy, now):
        return Install.UNSAID
    return SAID.get(policy.has.get(LICENCE, ""), Install.UNSAID)
