"""What is wrong with an agent's clock. The PC is made of numbers: no clock of this machine is asked or set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.health.clocks import BATTERY, JUMPS, OFF, ZONE, Stamp, wrongs
from server.health.rules import shipped_rules
from server.health.state import Heard, Watch
from server.health.titles import condition_title, fix_card
from server.inventory.tables import SubjectKind
from server.schemas.standing import Standing

SECOND = 1_000_000
MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds
YEAR = 365 * DAY


@dataclass
class Pc:
    """Its agent speaks once a minute. Times are seconds after the court's start; `off` is what its clock is ahead."""

    court: Any
    off: float = 0
    unsure: float = 0.1
    now: float = 0
    booted: float = -20
    boot_id: str = "boot-0"

    def speak(self) -> None:
        at = self.court.at(self.now)
        clocks = (at + round(self.off * SECOND), round((self.now - self.booted) * SECOND), self.boot_id)
        self.court.pass_to(self.now)
        self.court.see(Heard(at, stamp=Stamp(*clocks, at, round(self.unsure * SECOND))), self.now)

    def run(self, minutes: float) -> None:
        for _ in range(round(minutes)):
            self.now += 60
            self.speak()

    def restart(self, after: float, off: float | None = None) -> None:
        """Off for `after` seconds, and on again; `off` where its clock did not go on meanwhile."""
        self.off = self.off if off is None else off
        self.booted = self.now + after
        self.boot_id = f"boot-{self.booted}"
        self.now = self.booted + 15
        self.speak()

    def restart_at_2000(self, after: float) -> None:
        self.restart(after, off=946_684_800 - self.court.at(self.now + after) / SECOND)

    @property
    def open(self) -> set[str]:
        return self.court.open - {"agent.silent"}  # type: ignore[no-any-return]

    @property
    def opened(self) -> list[tuple[str, float]]:
        return [(rule, at) for rule, _, _, at in self.court.opened if rule.startswith("clock.")]

    @property
    def closed(self) -> list[tuple[str, float]]:
        return [(rule, at) for rule, _, at in self.court.closed if rule.startswith("clock.")]


@pytest.fixture
def pc(court_of: Callable[..., Any]) -> Pc:
    return Pc(court_of(SubjectKind.AGENT))


def test_a_clock_that_is_right_is_no_condition(pc: Pc) -> None:
    pc.off = 3
    pc.run(60)
    pc.restart(15 * HOUR)
    pc.run(60)
    assert pc.opened == []
    assert pc.court.stands() is Standing.GOOD


def test_a_wrong_clock_is_one_after_ten_minutes_and_dates_from_the_first(pc: Pc) -> None:
    pc.off = -400
    pc.run(10)
    assert pc.opened == []
    pc.run(1)
    assert pc.opened == [(OFF, 60)]
    assert pc.court.stands() is Standing.ATTENTION
    pc.off = 0
    pc.run(12)
    assert pc.closed == [(OFF, 12 * 60)]
    assert pc.court.stands() is Standing.GOOD


def test_what_is_unsure_counts_for_the_clock(pc: Pc) -> None:
    pc.off, pc.unsure = 400, 150
    pc.run(60)
    assert pc.opened == []
    pc.unsure = 30
    pc.run(12)
    pc.unsure = 400  # nobody can tell any more: that closes nothing
    pc.off = 10
    pc.run(60)
    assert pc.open == {OFF}


@pytest.mark.parametrize(("hours", "word"), [(8, "+8 h"), (-1, "-1 h"), (2.5, "+2.5 h"), (20, "+20 h")])
def test_whole_or_half_hours_are_the_zone_and_not_the_clock(pc: Pc, hours: float, word: str) -> None:
    pc.off = hours * HOUR + 70
    pc.run(30)
    assert [(rule, said) for rule, _, said, _ in pc.court.opened] == [(ZONE, word)]
    pc.off = 0
    pc.run(30)
    assert pc.open == set()


@pytest.mark.parametrize("hours", [-8, 21, 24])
def test_hours_no_zone_can_make_are_the_clock(pc: Pc, hours: float) -> None:
    pc.off = hours * HOUR
    pc.run(30)
    assert OFF in pc.open
    assert ZONE not in pc.open


def test_a_clock_that_is_moved_away_from_the_time_jumps(pc: Pc) -> None:
    pc.run(5)
    pc.off = 90
    pc.run(5)
    assert pc.opened == [(JUMPS, 360)]
    pc.off = 0
    pc.run(5)
    pc.off = -200
    pc.run(70)
    assert pc.opened == [(JUMPS, 360)], "it goes on: one condition"
    assert pc.closed == [(JUMPS, 17 * 60)]


def test_setting_a_clock_right_and_pushing_it_slowly_are_no_jumps(pc: Pc) -> None:
    pc.off = -30 * MINUTE
    pc.run(5)
    pc.off = 1
    pc.run(5)
    for _ in range(60):
        pc.off += 0.03  # what a time service does
        pc.run(1)
    assert JUMPS not in {rule for rule, _ in pc.opened}


def test_a_flat_battery_shows_at_a_cold_start_and_its_end_after_a_night(pc: Pc) -> None:
    pc.run(60)
    pc.restart_at_2000(15 * HOUR)
    began = pc.now
    assert pc.opened == [(BATTERY, began)]
    pc.run(5)
    pc.off = 0  # somebody sets the time
    pc.run(300)
    pc.restart(60)  # restarted by day, while the mains keep the clock
    pc.run(100)
    assert pc.open == {BATTERY}
    pc.restart_at_2000(15 * HOUR)
    pc.run(3)
    pc.off = 0
    pc.run(100)
    assert pc.opened == [(BATTERY, began)], "the same one every morning"
    pc.restart(15 * HOUR)
    assert pc.closed == [(BATTERY, pc.now)]


@pytest.mark.parametrize("off", [-26 * YEAR, 73 * YEAR])
def test_an_agent_nobody_knew_whose_clock_is_years_off_has_a_flat_battery(pc: Pc, off: float) -> None:
    pc.off = off
    pc.run(1)
    assert pc.open == {BATTERY}
    pc.run(15)
    assert pc.open == {BATTERY, OFF}, "it is also wrong until somebody sets it"
    assert [change.rule.ticket for change in pc.court.changes] == [True, False], "one ticket"


def test_a_clock_that_stood_still_over_night_has_a_flat_battery(pc: Pc) -> None:
    pc.run(60)
    pc.restart(15.2 * HOUR, off=-15.2 * HOUR)
    assert pc.open == {BATTERY}


def test_a_clock_that_was_only_never_set_has_a_good_battery(pc: Pc) -> None:
    pc.off = -90 * DAY
    pc.run(60)
    pc.restart(15 * HOUR)
    pc.run(30)
    assert pc.open == {OFF}


def test_a_boot_that_never_met_the_server_may_still_show_a_flat_battery(pc: Pc) -> None:
    """Nobody knows within a day when it was; that it was not 2000 is certain."""
    pc.run(60)
    pc.unsure = DAY
    pc.restart_at_2000(40 * HOUR)
    assert pc.open == {BATTERY}
    pc.off = 0
    pc.run(60)
    pc.restart(40 * HOUR)
    assert pc.open == {BATTERY}, "by such a boot it is not proved good"


def test_history_that_comes_late_says_nothing_of_the_clock_now(pc: Pc) -> None:
    pc.run(60)
    now = pc.now
    pc.now, pc.off = now - 30 * 60, 9000
    pc.speak()
    pc.now, pc.off = now, 0
    pc.run(60)
    assert pc.opened == []


def test_a_rule_that_is_switched_off_judges_nothing(court_of: Any, rules_with: Any) -> None:
    pc = Pc(court_of(SubjectKind.AGENT, rules_with({OFF: {"enabled": False}})))
    pc.off = 1000
    pc.run(30)
    assert pc.opened == []


def test_the_line_is_not_blamed_for_a_clock(pc: Pc) -> None:
    pc.court.evidence = pc.court.evidence.__class__(lines={"90": Watch(True, pc.court.at(0), pc.court.at(9000))})
    pc.off = 1000
    pc.run(30)
    assert [change.cause for change in pc.court.changes] == [""]


@pytest.mark.parametrize("rule", [OFF, ZONE, JUMPS, BATTERY])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_each_has_its_words_and_three_steps(rule: str, lang: str) -> None:
    assert rule in shipped_rules().by_key
    assert condition_title(rule, "", "", lang) != rule
    assert len(fix_card(rule, "", "lost", "", lang)) == 3


STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "right", "restart", "lost", "unsure", "run"]), st.integers(0, 40 * HOUR)),
    max_size=12,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(steps=STEPS)
def test_whatever_a_clock_does_conditions_end_after_they_begin_and_one_ticket_is_open(
    steps: list[tuple[str, int]], court_of: Callable[..., Any]
) -> None:
    pc = Pc(court_of(SubjectKind.AGENT))
    for what, number in steps:
        if what == "set":
            pc.off = number - 20 * HOUR
        elif what == "right":
            pc.off = 0
        elif what == "unsure":
            pc.unsure = number / 1000
        elif what == "restart":
            pc.restart(number)
        elif what == "lost":
            pc.restart_at_2000(number)
        pc.run(12)
        assert sum(pc.court.rules.by_key[key].ticket for key in pc.open) <= 1
    began: dict[str, int] = {}
    for change in pc.court.changes:
        if hasattr(change, "noticed"):
            assert change.rule.key not in began
            began[change.rule.key] = change.at
        else:
            assert change.at >= began.pop(change.rule)


@given(off=st.integers(-(1 << 59), 1 << 59), unsure=st.integers(0, 1 << 50), boot=st.integers(0, 1 << 59))
def test_a_clock_is_never_wrong_and_right_at_once(off: int, unsure: int, boot: int) -> None:
    at = 1_793_764_800 * SECOND
    said = wrongs(None, Stamp(at + off, boot, "boot", at, unsure))
    assert sum(bool(said.get(rule)) for rule in (OFF, ZONE)) <= 1
    if abs(off) <= unsure:
        assert not any(said.values())
