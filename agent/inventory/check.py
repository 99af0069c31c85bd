"""What an inventory must be as a whole: every key once, and every reference to something that is there.

Looks at the tables as written, so that one wrong value does not hide the next.
"""

from collections.abc import Iterator
from typing import Any

from agent.inventory.draft import Draft
from agent.inventory.lines import Path
from agent.inventory.problems import Problem, nearest, shown

REFERENCES = (  # kind, key, kind it names
    ("branch", "parent", "branch"),
    ("branch", "calendar", "calendar"),
    ("agent", "branch", "branch"),
    ("line", "branch", "branch"),
    ("line", "agent", "agent"),
    ("position", "branch", "branch"),
    ("position", "class", "class"),
    ("position", "agent", "agent"),
    ("rule", "classes", "class"),
    ("device", "branch", "branch"),
    ("device", "class", "class"),
)
_THERE_IS_NO = {
    "branch": "there is no branch {value}",
    "calendar": "there is no calendar {value}",
    "class": "there is no class {value}",
    "agent": "there is no agent {value}",
    "position": "there is no position {value}",
}
_MEANT = {kind: f"{template}; did you mean {{near}}?" for kind, template in _THERE_IS_NO.items()}


def check(draft: Draft) -> Iterator[Problem]:
    """Every problem between the tables."""
    keys = {kind: _keys(draft, kind) for kind in ("calendar", "class", "branch", "agent", "position")}
    for kind in ("calendar", "class", "rule", "plan", "branch", "agent", "line", "position", "device"):
        yield from _twice(draft, kind)
    for kind, key, named in REFERENCES:
        yield from _dangling(draft, kind, key, named, keys[named])
    yield from _machines(draft, keys["position"])
    yield from _circles(draft)
    for kind in ("calendar", "class", "branch", "agent", "line", "position"):
        yield from _old_keys(draft, kind)


def _keys(draft: Draft, kind: str) -> set[str]:
    return {key for index, _ in draft.tables(kind) if (key := draft.key(kind, index)) is not None}


def _twice(draft: Draft, kind: str) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for index, _ in draft.tables(kind):
        key = draft.key(kind, index)
        if key is None or first.setdefault(key, index) == index:
            continue
        where = draft.where((kind, first[key]))
        yield draft.problem((kind, index), "the key {value} is used already, in {where}", value=key, where=where)


def _dangling(draft: Draft, kind: str, key: str, named: str, known: set[str]) -> Iterator[Problem]:
    for index, item in draft.tables(kind):
        for path, value in _texts((kind, index, key), item.get(key)):
            if value not in known:
                yield _no_such(draft, path, named, value, known)
        if isinstance(named_here := item.get(key), list):
            if not named_here and key == "agent":
                yield draft.problem((kind, index, key), "names no agent; leave the key out for the usual one")
            if len(named_here) != len({str(inner) for inner in named_here}):
                yield draft.problem((kind, index, key), "names the same twice")


def _texts(path: Path, value: Any) -> Iterator[tuple[Path, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        yield from (((*path, index), inner) for index, inner in enumerate(value) if isinstance(inner, str))


def _no_such(draft: Draft, path: Path, kind: str, value: str, known: set[str]) -> Problem:
    if near := nearest(value, known):
        return draft.problem(path, _MEANT[kind], value=shown(value), near=shown(near))
    return draft.problem(path, _THERE_IS_NO[kind], value=shown(value))


def _machines(draft: Draft, positions: set[str]) -> Iterator[Problem]:
    """Seeds stand at positions there are, and one at each."""
    first: dict[str, int] = {}
    for index, item in draft.tables("device"):
        branch, slug = item.get("branch"), item.get("position")
        if not isinstance(branch, str) or not isinstance(slug, str):
            continue
        key, path = f"{branch}/{slug}", ("device", index, "position")
        if key not in positions:
            yield _no_such(draft, path, "position", key, positions)
        elif first.setdefault(key, index) != index:
            where = draft.where(("device", first[key]))
            yield draft.problem(path, "another machine fills {value} already, in {where}", value=key, where=where)


def _circles(draft: Draft) -> Iterator[Problem]:
    """No branch is above itself."""
    parents = {item.get("key"): item.get("parent") for _, item in draft.tables("branch") if _is_named(item)}
    clear: set[str] = set()
    for index, item in draft.tables("branch"):
        path: list[str] = []
        step: Any = item.get("key") if _is_named(item) else None
        while isinstance(step, str) and step not in clear and step not in path:
            path.append(step)
            step = parents.get(step)
        if isinstance(step, str) and step not in clear:
            circle = " > ".join([*path[path.index(step) :], step])
            yield draft.problem(("branch", index, "parent"), "goes round in a circle: {circle}", circle=circle)
        clear.update(path)


def _is_named(item: dict[str, Any]) -> bool:
    return isinstance(item.get("key"), str)


def _old_keys(draft: Draft, kind: str) -> Iterator[Problem]:
    """`was` names what is no longer there, and is claimed once."""
    present = {draft.key(kind, index) for index, _ in draft.tables(kind)}
    claimed: dict[str, int] = {}
    for index, item in draft.tables(kind):
        if not isinstance(was := item.get("was"), str):
            continue
        path, key = (kind, index, "was"), was
        if kind in ("line", "position") and "/" not in was:
            key = f"{item.get('branch')}/{was}"
        if key in present:
            yield draft.problem(path, "{value} is still there; `was` names a key that is no longer used", value=key)
        elif claimed.setdefault(key, index) != index:
            where = draft.where((kind, claimed[key]))
            yield draft.problem(path, "{value} was renamed already, in {where}", value=key, where=where)
