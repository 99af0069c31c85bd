"""A branch as the agent's people know it, and the folder they read."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from agent.local import folder
from agent.wire import Card, Lore, LoreLine, LorePosition, Steps, Title


@pytest.fixture
def lore() -> Lore:
    return Lore(
        branch="1001",
        name="滨河支行",
        phone="0000-5551001",
        people={"a": "王某甲"},
        positions={
            "1001/a": LorePosition("1号窗口 灯", "lamp", "台灯"),
            "1001/dark": LorePosition("未采集的灯", "lamp", "台灯"),
        },
        lines=[LoreLine(key="1001/line/main", name="主线路", role="main", circuit="WH-0417", fault_phone="0000-10099")],
        cards=[
            Card(zh=["先看灯"], en=["Look at it"], device="offline"),
            Card(zh=["合上前盖"], en=["Close the cover"], part="cover", word="open"),
            Card(zh=["合上台灯的前盖"], en=["Close the lamp's cover"], part="cover", word="open", classes=["lamp"]),
        ],
        reasons={"noAnswer": Title("没有应答", "It does not answer")},
        plans=[Steps("line", ["打报障电话"], ["Call"])],
    )


@pytest.fixture
def place(tmp_path: Path) -> Path:
    made = tmp_path / "local"
    folder.make(made)
    return made


Leave = Callable[..., str]


@pytest.fixture
def leave(place: Path) -> Leave:
    """`leave(text="...")` puts an entry into the box as a console would; gives its uid."""

    def make(uid: str = "", **said: Any) -> str:
        uid = uid or uuid4().hex
        entry = {
            "version": 1,
            "uid": uid,
            "subject": "1001/a",
            "what": "note",
            "who": "王某",
            "wall": 1,
            "text": "看过",
        }
        fresh = place / "in" / f".{uid}.new"
        fresh.write_text(json.dumps(entry | said, ensure_ascii=False), encoding="utf-8")
        os.replace(fresh, place / "in" / f"{uid}.json")
        return uid

    return make
