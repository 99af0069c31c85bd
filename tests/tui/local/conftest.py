"""Files as an agent writes them, and a console on them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.clock import system_clocks
from agent.local import folder, now
from agent.local.now import Known, Now
from agent.poll import Seen, failed
from agent.wire import Card, Clock, DeviceWord, Failure, Lore, LoreLine, LorePosition, Polled, Reading, Steps, catalogue
from tui.app import ConsoleApp
from tui.settings import Settings as ConsoleSettings

SECOND = 1_000_000
HOSTILE = "[/x] \x1b[2J 坏\x07"

LORE = Lore(
    branch="1001",
    name="滨河支行",
    address="滨河路 8 号",
    phone="0000-5551001",
    people={"a": "王某甲", "b": "赵某乙"},
    positions={
        "1001/lamp": LorePosition("1号窗口 存折打印机", "printer", "存折打印机"),
        "1001/odd": LorePosition(HOSTILE, "printer", HOSTILE),
        "1001/pos": LorePosition("便民宝 3", "pos", "便民宝"),
        "1001/ups": LorePosition("机房 UPS", "ups", "不间断电源"),
    },
    lines=[
        LoreLine(
            key="1001/line/main",
            name="主线路",
            role="main",
            carrier="甲运营商",
            circuit="WH-DDN-0417",
            bandwidth="2M",
            fault_phone="0000-10099",
        )
    ],
    cards=[Card(zh=["合上前盖"], en=["Close the cover"], part="cover", word="open")],
    plans=[
        Steps("line", ["拨打报障电话"], ["Call the carrier"]),
        Steps("power", ["看 UPS"], ["Look at the UPS"]),
    ],
)


def polled(key: str) -> Polled:
    return Polled(position=key, name=key, driver="lamp", address="COM3", options={}, interval=60.0)


def answered(**said: Any) -> Seen:
    return Seen(Reading(**{"device": DeviceWord.ONLINE} | said))


class Agent:
    """Writes what an agent would, with the agent's own code; `ago` moves all of it into the past."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.seen = {
            "1001/lamp": answered(parts={"cover": "open"}, numbers={"pages": 812.0}),
            "1001/odd": answered(parts={HOSTILE: HOSTILE}),
            "1001/ups": answered(parts={"power": "mains"}),
        }
        self.state, self.met, self.ended = "away", False, False
        self.kept_out, self.stopped, self.unable = "", False, False
        self.contact = 3600.0  # seconds since the server answered
        self.entries: list[now.NowEntry] = []
        folder.make(path)

    def write(self, ago: float = 0.0) -> None:
        real = system_clocks(self.path)()
        back = int(ago * SECOND)
        clock = Clock(wall=real.wall - back, boot=real.boot - back, boot_id=real.boot_id)
        folder.write_public(self.path / "now.json", msgspec.json.encode(self.now(clock)))

    def now(self, clock: Clock) -> Now:
        known = {key: Known(seen, clock.boot - SECOND, clock.boot - 120 * SECOND) for key, seen in self.seen.items()}
        targets = [polled(key) for key in self.seen]
        server = now.NowServer(
            url="http://10.1.0.5:8088",
            state=self.state,  # type: ignore[arg-type]
            contact=clock.wall - int(self.contact * SECOND),
            trouble=HOSTILE,
            kept_out=self.kept_out,
            waiting=1204,
            stopped=self.stopped,
            unable=self.unable,
        )
        return Now(
            version=now.VERSION,
            written=clock,
            agent="agent-1001",
            ended=self.ended,
            server=server,
            branch=now.branch_of(LORE),
            suspect=now.suspect(targets, known, clock, server, met=self.met),
            positions=now.positions(targets, known, clock, LORE, catalogue()),
            left_out=0,
            lines=now.lines(LORE, targets, known, clock, catalogue()),
            plans=LORE.plans,
            entries=self.entries,
        )

    def left(self) -> list[dict[str, Any]]:
        """What lies in the box."""
        return [json.loads(path.read_text(encoding="utf-8")) for path in sorted((self.path / "in").glob("*.json"))]


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    made = Agent(tmp_path / "local")
    made.write()
    return made


@pytest.fixture
def alone(agent: Agent) -> Callable[..., ConsoleApp]:
    """`alone()` is a console on this PC, with nobody at the server's address."""

    def make(server: str = "http://127.0.0.1:9", lang: str = "zh", **more: Any) -> ConsoleApp:
        settings = ConsoleSettings.model_validate({"server": server, "lang": lang})
        return ConsoleApp(settings, local=agent.path, **more)

    return make


SILENT = failed(Failure("unreachable", "noAnswer", HOSTILE))
