"""What an agent owed and delivered on a day, told by the agent's own report and spool to a real server."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pytest
from fastapi.testclient import TestClient
from sqlmodel import select

from agent.poll import Seen
from server.coverage.evidence import Witness
from server.coverage.period import period_of
from server.errors import Invalid, NotFound
from server.ingest.tables import ReceivedRange
from server.inventory.tables import Branch, Calendar
from server.schemas.coverage import MinutesOut
from server.schemas.people import Role
from server.storage.database import Database

if TYPE_CHECKING:
    from tests.server.coverage.conftest import World


@dataclass(frozen=True)
class Only:
    """A person of these branches."""

    branch_ids: frozenset[int] | None


Told = Callable[[MinutesOut], dict[str, int]]
DAY = 24 * 60
FIRST = "2026-11-04"


def test_a_whole_day_is_due_and_attested(world: "World", missing: Told) -> None:
    world.pc.start()
    world.centre.start()
    world.go(24)
    [day] = [one for one in world.agent("1001-pc").days if one.due]
    assert (day.day, day.over, day.due, day.attested, missing(day)) == (FIRST, True, 2 * DAY, 2 * DAY, {})


def test_a_day_half_over_counts_up_to_now(world: "World") -> None:
    world.pc.start()
    world.go(12)
    day = world.agent("1001-pc").days[-1]
    assert (day.day, day.over, day.due, day.attested) == (FIRST, False, 2 * 720, 2 * 720)


def test_a_line_cut_for_25_hours_is_a_gap_until_it_is_filled(world: "World", missing: Told) -> None:
    world.pc.start()
    world.centre.start()
    world.go(6)
    world.cut()
    world.go(25)
    cut = world.agent("1001-pc").total
    assert cut.attested < 2 * 6.5 * 60
    assert missing(cut) == {"line": cut.due - cut.attested}
    world.mend()
    world.go(1)
    filled = world.agent("1001-pc")
    assert (filled.total.due, filled.total.attested) == (2 * 32 * 60, 2 * 32 * 60)
    assert (filled.outstanding, filled.waiting) == (0, 0)


def test_what_the_centre_polls_over_a_cut_line_is_not_attested(world: "World", missing: Told) -> None:
    """An answer that does not come says nothing of a device whose line is cut."""
    world.pc.start()
    world.centre.start()
    world.go(6)
    world.cut()
    world.go(3)
    world.mend()
    world.go(1)
    centre = world.agent("centre").total
    assert missing(centre)["line"] in range(170, 195)
    assert set(missing(centre)) == {"line"}
    # its own PC saw the ATM all the time, the line's own outage is a finding, and each minute counts once
    branch = world.branch("1001").total
    assert (branch.due, branch.attested) == (3 * 600, 3 * 600)


def test_a_device_that_does_not_answer_is_attested_as_off_line(world: "World", no_answer: Seen) -> None:
    world.centre.start()
    world.centre.sees["1002/atm-1"] = no_answer
    world.go(3)
    branch = world.branch("1002").total
    assert (branch.due, branch.attested) == (180, 180)


def test_a_night_after_a_goodbye_is_closed(world: "World", missing: Told) -> None:
    world.pc.start()
    world.centre.start()
    world.go(17)
    world.pc.goodbye()
    world.go(15)
    world.pc.start()
    world.go(1)
    pc = world.agent("1001-pc").total
    assert set(missing(pc)) == {"closed"}
    assert missing(pc)["closed"] == 2 * (15 * 60 - 15)


def test_a_power_cut_without_a_goodbye_is_power_where_the_ups_says_so(
    world: "World", missing: Told, on_battery: Seen
) -> None:
    """The printer's place is a UPS for once: it tells of the battery before everything falls silent."""
    world.pc.start()
    world.centre.start()
    world.go(9)
    world.pc.sees["1001/printer-1"] = on_battery
    world.go(0.5)
    world.pc.kill()
    world.cut()
    world.go(4)
    world.mend()
    world.pc.sees.clear()
    world.pc.start()
    world.go(1)
    pc = world.agent("1001-pc").total
    assert set(missing(pc)) == {"power"}
    assert missing(pc)["power"] in range(2 * 225, 2 * 245)


def test_a_power_cut_nobody_proves_is_unknown(world: "World", missing: Told) -> None:
    """Not `line`, though the line was cut as well: a cut line loses nothing, and all numbers have come."""
    world.pc.start()
    world.centre.start()
    world.go(9)
    world.pc.kill()
    world.cut()
    world.go(4)
    world.mend()
    world.pc.start()
    world.go(1)
    pc = world.agent("1001-pc").total
    assert set(missing(pc)) == {"unknown"}


def test_a_full_spool_is_lost_and_its_numbers_are_counted_apart(world: "World", missing: Told) -> None:
    world.every(300)
    world.pc.limit = 8_000
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.cut()
    world.go(12)
    world.mend()
    world.go(1)
    pc = world.agent("1001-pc")
    assert set(missing(pc.total)) == {"lost"}
    assert pc.lost > 0
    assert pc.thinned > 0
    assert sum(day.lost for day in pc.days) == pc.lost
    assert pc.outstanding == 0


def test_a_thinned_spool_lacks_nothing_but_numbers(world: "World", missing: Told) -> None:
    world.every(300)
    world.pc.limit = 16_000
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.cut()
    world.go(14)
    world.mend()
    world.go(0.5)
    pc = world.agent("1001-pc")
    assert pc.thinned > 0
    assert (missing(pc.total), pc.lost) == ({}, 0)


def test_numbers_of_merged_holds_are_no_holes(world: "World") -> None:
    world.every(300)
    world.pc.limit = 8_000
    world.pc.start()
    world.centre.start()
    world.go(1)
    world.cut()
    world.go(7)
    world.mend()
    world.go(0.5)
    own, home = world.bank["1001-pc"], world.bank["1001"]
    with world.database.read() as session:
        assert "thinned" in session.exec(select(ReceivedRange.fate)).all()
        witness = Witness(session, {own: home}, [], world.now() - DAY * 60_000_000, world.now(), {})
    assert witness.said[own].holes == []


def test_a_damaged_spool_is_a_lost_stream(world: "World", missing: Told) -> None:
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.cut()
    world.go(3)
    world.pc.kill()
    world.pc.damage()
    world.pc.start()
    world.mend()
    world.go(1)
    pc = world.agent("1001-pc").total
    assert set(missing(pc)) == {"lostStream"}
    assert missing(pc)["lostStream"] in range(2 * 165, 2 * 195)


def test_a_backlog_that_goes_on_in_another_stream_keeps_its_times_and_its_attestation(
    world: "World", missing: Told
) -> None:
    """Its home may have been copied: three hours wait, most of them holds of states of the stream before."""
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.cut()
    world.go(3)
    world.mend()
    world.pc.part()
    world.go(1)
    pc = world.agent("1001-pc")
    assert (missing(pc.total), pc.lost, pc.thinned, pc.outstanding) == ({}, 0, 0, 0)
    assert pc.total.attested == pc.total.due


def test_an_older_spool_brought_back_is_a_lost_stream(world: "World", missing: Told) -> None:
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.pc.kill()
    world.pc.image()
    world.pc.start()
    world.go(1)
    world.cut()
    world.go(3)
    world.pc.kill()
    world.pc.set_back()
    world.mend()
    world.pc.online = False
    world.pc.start()
    world.pc.meet()
    world.pc.online = True
    world.go(1)
    assert set(missing(world.agent("1001-pc").total)) == {"lostStream"}


def test_a_state_the_server_cannot_take_is_lost_until_its_position_is_told_anew(
    world: "World", missing: Told, on_battery: Seen
) -> None:
    world.pc.start()
    world.centre.start()
    world.go(1)
    world.pc.spoiled = "1001/printer-1"
    world.pc.sees["1001/printer-1"] = on_battery
    world.go(2)
    pending = world.agent("1001-pc").total
    assert missing(pending) == {"lost": pending.due - pending.attested}
    world.pc.spoiled = ""
    world.pc.sees.clear()
    world.go(1)
    pc = world.agent("1001-pc").total
    assert missing(pc) == {"lost": pc.due - pc.attested}
    assert missing(pc)["lost"] in range(90, 121)


def test_a_night_after_a_state_that_could_not_be_taken_is_no_loss(
    world: "World", missing: Told, on_battery: Seen
) -> None:
    world.pc.start()
    world.centre.start()
    world.go(1)
    world.pc.spoiled = "1001/printer-1"
    world.pc.sees["1001/printer-1"] = on_battery
    world.go(1)
    world.pc.kill()
    world.go(8)
    world.pc.spoiled = ""
    world.pc.sees.clear()
    world.pc.start()
    world.go(1)
    found = missing(world.agent("1001-pc").total)
    assert set(found) == {"lost", "unknown"}
    assert found["lost"] <= 90
    assert found["unknown"] >= 2 * 7 * 60


def test_a_quarantine_is_the_reason_until_what_was_kept_meanwhile_is_here(world: "World", missing: Told) -> None:
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.hold_off()
    world.go(4)
    held = world.agent("1001-pc").total
    assert missing(held) == {"keptOut": held.due - held.attested}
    assert held.attested < 2 * 2.5 * 60
    world.release()
    world.go(1)
    filled = world.agent("1001-pc").total
    assert (filled.due, filled.attested) == (2 * 7 * 60, 2 * 7 * 60)


def test_a_pc_that_was_off_in_its_quarantine_made_nothing_the_server_could_have_had(
    world: "World", missing: Told
) -> None:
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.hold_off()
    world.pc.kill()
    world.go(4)
    world.release()
    world.pc.start()
    world.go(1)
    assert set(missing(world.agent("1001-pc").total)) == {"unknown"}


def test_a_quarantine_that_another_pc_ends_stays_the_reason(world: "World", missing: Told) -> None:
    """What the PC before kept never comes: whether it polled nobody knows, and that it was held off is certain."""
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.hold_off()
    world.go(4)
    world.pc.kill()
    world.pc.replace()
    world.release()
    world.pc.start()
    world.go(1)
    pc = world.agent("1001-pc").total
    assert missing(pc) == {"keptOut": pc.due - pc.attested}
    assert missing(pc)["keptOut"] in range(2 * 215, 2 * 240)


def test_a_branch_without_an_agent_has_the_coverage_of_its_centre_agent(world: "World", missing: Told) -> None:
    world.centre.start()
    world.go(3)
    world.centre.kill()
    world.go(2)
    branch = world.branch("1002")
    assert branch.agents == ["centre"]
    assert branch.total.due == 300
    assert (branch.total.attested, missing(branch.total)) == (195, {"unknown": 105})


def test_two_observers_count_once_for_the_branch(world: "World", missing: Told) -> None:
    """The ATM is seen by both: what the PC misses at night, the centre has."""
    world.pc.start()
    world.centre.start()
    world.go(2)
    world.pc.goodbye()
    world.go(6)
    branch, pc = world.branch("1001"), world.agent("1001-pc")
    assert branch.agents == ["1001-pc", "centre"]
    assert branch.total.due == 3 * 480
    assert pc.total.due == 2 * 480
    # the printer is missing for the branch, the ATM is not
    assert missing(pc.total)["closed"] == 2 * missing(branch.total)["closed"]


def test_numbers_that_are_still_to_come_are_said_so(world: "World", missing: Told) -> None:
    """The newest records are here first: the agent has numbered the others."""
    world.pc.start()
    world.centre.start()
    world.go(1)
    world.pc.online = False
    world.go(4)
    world.pc.hold_back = 8
    world.pc.online = True
    world.pc.deliver()
    pc = world.agent("1001-pc")
    assert set(missing(pc.total)) == {"waiting"}
    assert pc.outstanding > 0
    world.pc.hold_back = 0
    world.pc.deliver()
    pc = world.agent("1001-pc")
    assert (missing(pc.total), pc.outstanding) == ({}, 0)


def test_a_position_that_is_let_go_and_comes_back_owes_nothing_between(
    world: "World", let_go: Callable[[str, bool], None]
) -> None:
    world.pc.start()
    world.go(2)
    let_go("1001/printer-1", True)
    world.go(3)
    let_go("1001/printer-1", False)
    world.go(1)
    pc = world.agent("1001-pc").total
    assert (pc.due, pc.attested) == (6 * 60 + 3 * 60, 6 * 60 + 3 * 60)


def test_a_position_given_to_another_agent_is_due_to_each_for_its_time(
    world: "World", hand_over: Callable[[str, str], None]
) -> None:
    world.pc.start()
    world.centre.start()
    world.go(2)
    hand_over("1002/atm-1", "1001-pc")
    world.pc.positions = (*world.pc.positions, "1002/atm-1")
    world.centre.positions = ("1001/atm-1", "1001/line/main")
    world.go(2)
    assert world.agent("centre", branch="1002").total.due == 120
    assert world.agent("1001-pc", branch="1002").total.due == 120
    branch = world.branch("1002").total
    assert branch.due == 240
    assert branch.attested == 225  # the new agent's first poll came a quarter of an hour after


def test_outside_its_calendar_a_silent_pc_is_closed_and_a_centre_agent_is_not(
    world: "World", database: Database, bank: dict[str, int], missing: Told
) -> None:
    """Switched off at the socket at five, without a goodbye. Open from half past eight to five."""
    with database.write() as session:
        session.add(Calendar(key="usual", name="对公", body={"wed": ["08:30-17:00"], "thu": ["08:30-17:00"]}))
        session.flush()
        for code in ("1001", "0001"):
            session.get_one(Branch, bank[code]).calendar = "usual"
    world.pc.start()
    world.centre.start()
    world.go(16)
    world.pc.kill()
    world.centre.kill()
    world.go(5)
    pc = world.agent("1001-pc").total
    assert set(missing(pc)) == {"closed", "unknown"}
    assert missing(pc)["unknown"] in (2 * 45,)
    assert set(missing(world.agent("centre").total)) == {"unknown"}


def test_a_wrong_password_attests_nothing(world: "World", refused: Seen, missing: Told) -> None:
    world.centre.sees["1002/atm-1"] = refused
    world.centre.start()
    world.go(2)
    branch = world.branch("1002").total
    assert (branch.attested, missing(branch)) == (0, {"unreadable": 120})


def test_an_agent_that_never_reported_owes_all_and_nobody_knows_why(world: "World", missing: Told) -> None:
    world.go(2)
    pc = world.agent("1001-pc").total
    assert (pc.due, pc.attested, missing(pc)) == (240, 0, {"unknown": 240})


def test_what_came_late_changes_a_day_that_is_over(world: "World", missing: Told) -> None:
    world.pc.start()
    world.centre.start()
    world.go(20)
    world.pc.online = False
    world.go(10)
    before = world.agent("1001-pc", first=date(2026, 11, 4), last=date(2026, 11, 4)).total
    world.pc.online = True
    world.send()
    after = world.agent("1001-pc", first=date(2026, 11, 4), last=date(2026, 11, 4)).total
    assert before.attested < after.attested == after.due == before.due == 2 * DAY


def test_the_report_is_of_the_branches_a_person_may_see(world: "World", bank: dict[str, int]) -> None:
    world.pc.start()
    world.centre.start()
    world.go(1)
    found = world.report(Only(frozenset({bank["1002"]})))
    assert [one.code for one in found.branches] == ["1002"]
    assert [(one.key, one.total.due) for one in found.agents] == [("centre", 60)]
    assert found.total.due == 60
    with pytest.raises(NotFound):
        world.report(Only(frozenset({bank["1002"]})), branch="1001")
    with pytest.raises(NotFound):
        world.report(Only(frozenset({bank["1002"]})), agent="1001-pc")


def test_the_report_is_asked_for_over_the_api(sign_in: Callable[..., TestClient], world: "World") -> None:
    world.judges = False
    world.centre.start()
    world.go(1)
    head = sign_in(Role.HEAD)
    found = head.get("/api/coverage", params={"from": "2026-11-01", "to": "2026-11-30"}).json()
    assert (found["first"], found["last"], found["total"]["due"]) == ("2026-11-01", FIRST, 4 * 60)
    assert head.get("/api/coverage?agent=nobody").status_code == 404
    assert head.get("/api/coverage?branch=9999").status_code == 404
    answer = head.get("/api/coverage?from=2026-01-01")
    assert (answer.status_code, answer.json()["detail"]) == (
        422,
        "Coverage is asked for 92 days at most.",
    )
    for asked, told in (
        ("from=2027-01-01", "2027-01-01 is still to come; the last day there is an account of is today."),
        ("from=2027-01-01&to=2027-01-02", "2027-01-01 is still to come; the last day there is an account of is today."),
        (f"from={FIRST}&to=2026-11-03", "There is nothing so early: what was due is known from 2026-11-04 on."),
    ):
        answer = head.get(f"/api/coverage?{asked}")
        assert (answer.status_code, answer.json()["detail"]) == (422, told)
    for asked in ("from=0001-01-01&to=0001-12-31", "to=0001-01-02", "from=2026-10-01&to=2026-11-03"):
        answer = head.get(f"/api/coverage?{asked}")
        told = "There is nothing so early: what was due is known from 2026-11-04 on."
        assert (answer.status_code, answer.json()["detail"]) == (422, told)
    branch = sign_in(Role.BRANCH, ["1001"]).get("/api/coverage").json()
    assert [one["code"] for one in branch["branches"]] == ["1001"]


def test_days_that_are_asked_for_the_wrong_way_round_are_told_as_that(world: "World", database: Database) -> None:
    world.pc.start()
    world.go(1)
    later = world.pc.now() + 5 * 86_400 * 1_000_000
    with database.read() as session, pytest.raises(Invalid) as refused:
        period_of(session, date(2026, 11, 7), date(2026, 11, 6), later)
    assert str(refused.value) == "The first day, 2026-11-07, comes after the last, 2026-11-06."


def test_a_gap_explains_only_the_minutes_its_numbers_can_have_spoken_for(world: "World", missing: Told) -> None:
    """Two records a night apart cannot be read back, and one event names both; in the night nobody was there."""
    world.every(300)
    world.pc.start()
    world.centre.start()
    world.go(1)
    world.pc.online = False
    world.go(1)
    world.pc.kill()
    world.go(10)
    world.pc.start()
    world.go(1)
    world.pc.lose(world.pc.waiting()[3], world.pc.waiting()[-3])
    world.pc.online = True
    world.go(1)
    pc = world.agent("1001-pc")
    assert pc.lost == 3  # and the number of the first event, which the second takes in
    found = missing(pc.total)
    assert found["unknown"] >= 2 * 9 * 60  # the night: no number of it is missing
    assert found["lost"] <= 2 * 2 * 60  # from the first loss of each run until all was told anew
