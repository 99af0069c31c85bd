"""From any inventory to any other, and back: applied once it is so, and applied again there is nothing to do."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.inventory.schema import Inventory
from server.clock import SetClock
from server.inventory.deeds import apply, planned
from server.inventory.queries import rows
from server.inventory.wanted import wanted
from server.journal.deeds import Act
from server.journal.verify import check
from server.storage.database import Database
from tests.tries import tries

BRANCHES = ["1", "2", "3"]
KEYS = ["a", "b"]


@st.composite
def inventories(draw: st.DrawFn) -> Inventory:
    codes = draw(st.lists(st.sampled_from(BRANCHES), unique=True, min_size=1))
    names = st.sampled_from(["甲", "乙"])
    branches = [
        {"key": code, "name": draw(names), "kind": "branch", "parent": draw(st.sampled_from([None, *codes[:place]]))}
        for place, code in enumerate(codes)
    ]
    agents = [
        {"key": key, "name": draw(names), "branch": draw(st.sampled_from(codes))}
        for key in draw(st.lists(st.sampled_from(["centre", "x"]), unique=True))
    ]
    classes = draw(st.lists(st.sampled_from(["m", "n"]), unique=True, min_size=1))
    places = draw(st.lists(st.tuples(st.sampled_from(codes), st.sampled_from(KEYS)), unique=True))
    positions: list[dict[str, Any]] = []
    for branch, key in places:
        position = {"branch": branch, "key": key, "name": draw(names), "class": draw(st.sampled_from(classes))}
        driver = draw(st.sampled_from([None, "reach"]))
        others = [place for place in KEYS if (branch, place) not in places]
        was = draw(st.sampled_from([None, *others]))
        taken = [(one["branch"], one.get("was")) for one in positions]
        positions.append(position | {"driver": driver} | ({"was": was} if (branch, was) not in taken else {}))
    devices = [
        {"asset": asset, "name": "机", "class": draw(st.sampled_from(classes)), "branch": branch, "position": key}
        for asset, (branch, key) in zip(["A", "B", "C"], places, strict=False)
    ]
    return Inventory.model_validate(
        {
            "bank": {"name": draw(names)},
            "class": [
                {"key": key, "name": draw(names), "interval": draw(st.sampled_from(["1m", "2m"]))} for key in classes
            ],
            "branch": branches,
            "agent": agents,
            "position": positions,
            "device": devices,
        }
    )


@settings(max_examples=tries(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(inventories(), min_size=1, max_size=4))
def test_after_any_apply_it_is_so_and_nothing_is_left_to_do(steps: list[Inventory], sqlite_template: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "inventory.db"
        shutil.copyfile(sqlite_template, file)
        database = Database(f"sqlite:///{file}")
        clock = SetClock(1_000)
        ids: dict[str, int] = {}
        for inventory in steps:
            act = Act("tester", "cli", clock.forward(1))
            with database.write() as session:
                if planned(session, inventory).blocked:
                    continue  # a rename onto the key of something removed
                apply(session, act, inventory)
            with database.write() as session:
                assert not apply(session, act, inventory)
                there = rows(session).there
                assert check(session).ok
            standing = {named: row.fields for named, row in there.items() if not row.removed}
            classes = {named: fields for named, fields in standing.items() if named[0] == "class"}
            want = wanted(inventory)
            assert {**standing, **classes} | want == standing
            assert {named for named in standing if named[0] != "class"} == {
                named for named in want if named[0] != "class"
            }
            for (kind, key), row in there.items():
                if kind == "branch":
                    assert ids.setdefault(key, row.id or 0) == row.id
        database.close()
