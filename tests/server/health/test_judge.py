"""The judge, one subject at a time: what opens, what closes, and what never may."""

from typing import Any

import msgspec
import pytest

from server.health.state import Heard, Opened, Watch
from server.inventory.tables import SubjectKind
from server.schemas.standing import Standing

AGENT = 7


def test_a_fault_opens_after_its_debounce_and_dates_from_when_it_began(court: Any) -> None:
    court.tell(0, parts={"paper": "ok"})
    court.tell(10, parts={"paper": "out"})
    assert court.opened == []
    assert court.stands() is Standing.ATTENTION
    court.pass_to(80)
    assert court.opened == [("part.fault", "paper", "out", 10)]
    assert court.stands() is Standing.FAULT
    assert court.state.since == court.at(10)


def test_a_fault_shorter_than_its_debounce_opens_nothing(court: Any) -> None:
    court.tell(10, parts={"paper": "out"})
    court.tell(40, parts={"paper": "ok"})
    court.hold(400)
    assert court.opened == []
    assert court.stands() is Standing.GOOD


def test_a_fault_closes_when_it_ended_not_when_that_was_noticed(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.tell(200, parts={"paper": "ok"}, late=50)
    assert court.closed == [("part.fault", "paper", 200)]


@pytest.mark.parametrize("silence", ["offline", "inUse", "unknown"])
def test_silence_never_closes_a_fault(court: Any, silence: str) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.fail(200, silence, {"offline": "unreachable", "inUse": "busy", "unknown": "garbled"}[silence])
    court.hold(900)
    court.pass_to(90_000)
    assert "part.fault paper" in court.open
    assert court.closed == []


def test_an_unknown_word_of_a_part_closes_nothing(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.tell(200, parts={"paper": "unknown"})
    court.hold(600)
    assert court.open == {"part.fault paper"}


def test_a_part_left_out_of_a_reading_closes_nothing(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.tell(200, parts={"cover": "closed"})
    assert court.open == {"part.fault paper"}


def test_a_goodbye_keeps_the_fault_and_says_closed(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.speak(120, closed=True)
    court.see(None, 120)
    assert court.stands() is Standing.CLOSED
    assert court.open == {"part.fault paper"}
    assert court.state.due is None


def test_a_word_that_changes_within_a_condition_is_told_of(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.tell(200, parts={"paper": "jammed"})
    assert court.open == {"part.fault paper"}
    assert [type(change).__name__ for change in court.changes] == ["Opened", "Reworded"]


def test_each_cassette_has_a_condition_of_its_own(court: Any) -> None:
    court.tell(0, parts={"cassette.1": "low", "cassette.2": "empty", "cassette.3": "ok"})
    court.pass_to(100)
    assert court.open == {"part.attention cassette.1", "part.fault cassette.2"}
    assert court.stands() is Standing.FAULT


def test_in_use_is_neither_fault_nor_good(court: Any) -> None:
    court.fail(0, "inUse", "busy")
    court.hold(600)
    assert court.opened == []
    assert court.stands() is Standing.IN_USE


def self_test(court: Any) -> tuple[float, str, dict[str, str]] | None:
    found = court.state.newest.tested
    return found and ((found.at - court.at(0)) / 1_000_000, found.device, found.parts)


def test_the_last_self_test_is_kept_for_as_long_as_a_program_holds_the_port(court: Any) -> None:
    court.tell(0, parts={"paper": "ok"})
    court.fail(300, "inUse", "busy")
    for minute in range(6, 60):
        court.hold(60 * minute)
    court.fail(3600, "inUse", "busy")  # told anew: the agent was started again
    assert self_test(court) == (0, "online", {"paper": "ok"})
    assert court.stands() is Standing.IN_USE
    court.tell(4000, parts={"paper": "ok"})
    assert self_test(court) is None


def test_a_device_first_seen_in_use_has_no_self_test(court: Any) -> None:
    court.fail(0, "inUse", "busy")
    court.fail(60, "inUse", "busy")
    assert self_test(court) is None


def test_a_self_test_is_no_later_than_the_last_poll_that_had_the_port(court: Any) -> None:
    """The hold of the polls before a change ends with the change."""
    court.tell(0)
    court.hold(300, since=0)
    court.fail(300, "inUse", "busy")
    assert self_test(court) == (240, "online", {})


def test_no_answer_before_the_port_was_taken_is_the_last_self_test(court: Any) -> None:
    court.tell(0)
    court.fail(60)
    court.fail(70, "inUse", "busy")
    assert self_test(court) == (60, "offline", {})


@pytest.mark.parametrize(
    ("device", "kind", "reason", "tested"),
    [
        ("noDevice", "unreachable", "noSuchPort", None),
        ("unknown", "refused", "ownerUnknown", None),
        ("unknown", "refused", "cannotOpen", None),
        ("unknown", "failed", "driverFailed", None),
        ("unknown", "garbled", "badFrame", (60, "unknown", {})),
        ("offline", "unreachable", "hungUp", (60, "offline", {})),
    ],
)
def test_a_poll_that_never_had_the_port_is_no_self_test(
    court: Any, device: str, kind: str, reason: str, tested: object
) -> None:
    court.tell(60, device, failure=kind, reason=reason)
    court.fail(70, "inUse", "busy")
    assert self_test(court) == tested


def test_a_self_test_is_not_another_devices(court: Any) -> None:
    court.tell(0)
    court.fail(60, "inUse", "busy")
    court.place = msgspec.structs.replace(court.place, driver="passbook")
    court.state.driver = "card_reader/crt"
    court.fail(120, "inUse", "busy")
    assert self_test(court) is None


def test_what_a_print_queue_tells_of_a_held_printer_is_judged(court: Any) -> None:
    court.tell(0, parts={"paper": "ok"})
    court.tell(300, "inUse", failure="busy", parts={"queue": "ok", "paper": "out"})
    court.hold(400)
    assert court.opened == [("part.fault", "paper", "out", 300)]
    assert court.stands() is Standing.FAULT
    court.tell(500, "inUse", failure="busy", parts={"queue": "ok"})
    assert court.closed == [("part.fault", "paper", 500)]
    assert court.stands() is Standing.IN_USE
    assert self_test(court) == (0, "online", {"paper": "ok"})


def in_use(court: Any, at: float, **queue: str) -> None:
    court.tell(at, "inUse", failure="busy", parts=queue)


@pytest.mark.parametrize("between", ["nothing", "a direct poll", "the agent's start"])
def test_a_print_queue_takes_back_what_it_complains_of_no_more(court: Any, between: str) -> None:
    in_use(court, 0, queue="ok", toner="low", alarm="present")
    court.hold(100)
    opened = {"part.attention toner", "part.attention alarm"}
    assert court.open == opened
    if between == "a direct poll":  # of a printer that knows no toner
        court.tell(200, parts={"paper": "ok"})
        assert court.open == opened
    elif between == "the agent's start":
        in_use(court, 200, queue="ok", toner="low", alarm="present")
    in_use(court, 300, queue="unknown")
    assert court.open == opened
    in_use(court, 400, queue="ok", alarm="present")
    assert court.open == {"part.attention alarm"}
    in_use(court, 500, queue="stuck")
    assert court.open == set()


def test_a_print_queue_takes_nothing_back_that_the_device_said_since(court: Any) -> None:
    in_use(court, 0, queue="ok", paper="out")
    court.hold(100)
    court.tell(200, parts={"paper": "out"})
    in_use(court, 300, queue="ok")
    court.hold(900)
    assert court.open == {"part.fault paper"}
    assert court.closed == []


def test_what_a_print_queue_took_back_before_it_counted_opens_nothing(court: Any) -> None:
    in_use(court, 0, queue="ok", paper="out")
    in_use(court, 30, queue="ok")
    court.hold(300)
    in_use(court, 310, queue="ok", paper="out")
    court.hold(340)
    assert court.opened == []


def test_a_print_queue_that_is_well_makes_a_held_printer_no_better(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.tell(300, "inUse", failure="busy", parts={"queue": "ok"})
    court.hold(900)
    assert court.open == {"part.fault paper"}
    assert court.closed == []


def test_a_pending_fault_waits_while_a_program_holds_the_port(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.fail(30, "inUse", "busy")
    court.pass_to(500)
    assert court.opened == []
    court.tell(600, parts={"paper": "out"})
    assert court.opened == [("part.fault", "paper", "out", 0)]


def test_a_device_that_does_not_answer_is_a_fault_once_nothing_explains_it(court: Any) -> None:
    court.tell(0)
    court.fail(60)
    court.hold(120)
    assert court.opened == []
    court.hold(180)
    assert court.opened == [("device.fault", "", "offline", 60)]
    court.tell(300)
    court.pass_to(400)
    assert court.closed == [("device.fault", "", 300)]
    assert court.stands() is Standing.GOOD


def test_a_cut_line_explains_the_silence_behind_it(court: Any) -> None:
    court.tell(0)
    court.evidence = court.evidence.__class__(lines={"90": Watch(True, court.at(50), court.at(9000))})
    court.fail(60)
    for minute in range(2, 20):
        court.hold(60 * minute)
    assert court.opened == []
    assert court.stands() is Standing.UNKNOWN


def test_a_device_still_silent_after_the_line_came_back_gets_its_time(court: Any) -> None:
    court.tell(0)
    court.evidence = court.evidence.__class__(lines={"90": Watch(True, court.at(50), court.at(9000))})
    court.fail(60)
    court.hold(600)
    back = Watch(False, court.at(610), court.at(9000))
    court.evidence = court.evidence.__class__(lines={"90": back}, cut_ended=court.at(610))
    court.hold(660)
    assert court.opened == []
    court.hold(720)
    assert court.opened == [("device.fault", "", "offline", 60)]


def test_a_line_nobody_has_seen_lately_explains_nothing(court: Any) -> None:
    court.tell(0)
    court.evidence = court.evidence.__class__(lines={"90": Watch(True, court.at(-900), court.at(-1))})
    court.fail(60)
    court.hold(180)
    assert [rule for rule, *_ in court.opened] == ["device.fault"]


def test_a_cut_line_does_not_explain_a_device_seen_from_inside(court: Any) -> None:
    court.speak(0, branch=court.place.branch)
    court.evidence = court.evidence.__class__(lines={"90": Watch(True, court.at(50), court.at(9000))})
    court.fail(60)
    court.hold(180)
    assert [rule for rule, *_ in court.opened] == ["device.fault"]


def test_a_supply_on_battery_explains_the_silence_of_others(court: Any) -> None:
    court.tell(0)
    court.evidence = court.evidence.__class__(power={"91": Watch(True, court.at(50), court.at(300))})
    court.fail(60)
    court.hold(600)
    assert court.opened == []


def test_no_data_though_the_agent_tells_of_others_is_a_condition(court: Any) -> None:
    court.tell(0)
    court.speak(100)
    court.pass_to(241)
    assert court.opened == []  # the agent has told of nothing later yet
    court.speak(600)
    court.pass_to(700)
    assert court.opened == [("position.stale", "", "stale", 0)]
    assert court.stands() is Standing.STALE
    court.tell(800)
    assert court.closed == [("position.stale", "", 800)]


def test_a_silent_agent_is_not_the_fault_of_its_positions(court: Any) -> None:
    court.tell(0)
    court.speak(100)
    court.pass_to(400)
    court.speak(100, silent=True)
    court.pass_to(90_000)
    assert court.opened == []
    assert court.stands() is Standing.STALE
    assert court.state.due is None


def test_an_agent_just_back_gets_time_to_poll(court: Any) -> None:
    court.tell(0)
    court.speak(1000, steady=court.at(1000))
    court.see(None, 1000)
    assert court.opened == []
    court.speak(1300)
    court.pass_to(1400)
    assert [rule for rule, *_ in court.opened] == ["position.stale"]


def test_an_agent_not_heard_of_for_three_minutes_is_silent_since_then(court_of: Any) -> None:
    court = court_of(SubjectKind.AGENT)
    court.hear(0)
    court.hear(60)
    court.pass_to(239)
    assert court.opened == []
    court.pass_to(240)
    assert court.opened == [("agent.silent", "", "silent", 60)]
    assert court.stands() is Standing.STALE
    court.hear(600)
    assert court.closed == [("agent.silent", "", 600)]
    assert court.stands() is Standing.GOOD


def test_a_silence_lasts_until_the_agent_is_heard_again_and_not_until_what_it_tells_of_then(court_of: Any) -> None:
    """After an outage an agent may tell first of its beginning; the server heard nothing of it all the same."""
    court = court_of(SubjectKind.AGENT)
    court.hear(0)
    court.pass_to(180)
    assert court.opened == [("agent.silent", "", "silent", 0)]
    court.see(Heard(court.at(30)), 90_000)
    assert court.closed == [("agent.silent", "", 90_000)]


def test_an_agent_that_said_goodbye_is_closed_not_silent(court_of: Any) -> None:
    court = court_of(SubjectKind.AGENT)
    court.hear(0)
    court.hear(30, goodbye=True)
    court.pass_to(90_000)
    assert court.opened == []
    assert court.stands() is Standing.CLOSED
    court.hear(90_000)
    assert court.stands() is Standing.GOOD


@pytest.mark.parametrize(
    ("evidence", "cause", "blamed"),
    [
        ({}, "unknown", None),
        ({"lines": {"90": (True, 100)}}, "line", 90),
        ({"lines": {"90": (False, 0)}}, "pcOff", None),
        ({"lines": {"90": (True, 100)}, "power": {"91": (True, 90)}}, "power", 91),
    ],
)
def test_the_silence_of_an_agent_has_a_cause(court_of: Any, evidence: Any, cause: str, blamed: int | None) -> None:
    court = court_of(SubjectKind.AGENT)
    court.evidence = court.evidence.__class__(
        **{
            kind: {key: Watch(bad, court.at(since), court.at(400)) for key, (bad, since) in seen.items()}
            for kind, seen in evidence.items()
        }
    )
    court.hear(60)
    court.pass_to(300)
    [opened] = court.changes
    assert isinstance(opened, Opened)
    assert (opened.cause, opened.blamed) == (cause, blamed)


def test_a_line_down_opens_and_names_a_power_cut(court_of: Any) -> None:
    court = court_of(SubjectKind.LINE)
    court.evidence = court.evidence.__class__(power={"91": Watch(True, court.at(-30), court.at(60))})
    court.tell(-60)
    court.fail(0)
    court.hold(60)
    [opened] = court.changes
    assert (opened.rule.key, opened.cause, opened.blamed) == ("line.down", "power", 91)


@pytest.mark.parametrize(("load", "is_open"), [(80, False), (81, True)])
def test_a_number_out_of_bounds_opens(court: Any, load: float, is_open: bool) -> None:
    court.tell(0, numbers={"load": load})
    court.hold(200)
    assert ("ups.load load" in court.open) is is_open


def test_a_number_must_come_back_over_its_clear_bound(court: Any) -> None:
    court.tell(0, numbers={"load": 90})
    court.hold(200)
    court.tell(210, numbers={"load": 78})
    assert court.open == {"ups.load load"}
    court.tell(300, numbers={"load": 74})
    assert court.open == set()


def test_a_low_battery_counts_only_while_the_power_is_its_own(court: Any) -> None:
    court.tell(0, parts={"power": "mains"}, numbers={"battery.charge": 30})
    court.hold(300)
    assert court.open == set()
    court.tell(400, parts={"power": "battery"}, numbers={"battery.charge": 30})
    assert "battery.charge battery.charge" in court.open
    court.tell(500, parts={"power": "mains"}, numbers={"battery.charge": 31})
    court.pass_to(600)
    assert court.open == set()


def test_a_number_that_is_not_one_is_not_judged(court: Any) -> None:
    court.tell(0, numbers={"load": float("nan"), "x" * 900: 99, "load.\x00": 99})
    court.hold(300)
    assert court.opened == []
    assert court.state.views[str(AGENT)].numbers == {}


def test_a_rule_of_its_own_goes_before_every_part(court_of: Any, rules_with: Any) -> None:
    own = {"when": {"part": "cassette", "words": ["low"]}, "severity": "fault", "after": "0s", "ticket": True}
    court = court_of(rules=rules_with({"cassette.low": own}))
    court.tell(0, parts={"cassette.2": "low"})
    court.pass_to(200)
    assert court.open == {"cassette.low cassette.2"}


def test_a_rule_of_other_classes_does_not_apply(court_of: Any, rules_with: Any) -> None:
    rules = rules_with({"part.fault": {"classes": ["atm"]}})
    for cls, expected in (("atm", {"part.fault paper"}), ("printer", set())):
        court = court_of(rules=rules, cls=cls)
        court.tell(0, parts={"paper": "out"})
        court.pass_to(100)
        assert court.open == expected


def test_a_rule_switched_off_closes_what_it_opened(court: Any, rules_with: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    off = rules_with({"part.fault": {"enabled": False}})
    court.place = court.place.__class__(
        **{**{f: getattr(court.place, f) for f in court.place.__struct_fields__}, "rules": off.of("position", "")}
    )
    court.hold(200)
    assert court.open == set()
    assert court.changes[-1].cause == "rule"


def test_a_condition_that_comes_and_goes_stays_open_for_longer(court: Any) -> None:
    for start in (0, 200, 400, 600):
        court.tell(start, parts={"paper": "out"})
        court.hold(start + 100)
        court.tell(start + 101, parts={"paper": "ok"})
    assert len(court.opened) == 4
    assert len(court.closed) == 3
    court.tell(800, parts={"paper": "out"})
    court.hold(900)
    assert len(court.opened) == 4  # the same one goes on


def test_history_that_comes_late_changes_nothing_that_is_known_better(court: Any) -> None:
    court.tell(500, parts={"paper": "ok"})
    before = court.state
    court.tell(100, parts={"paper": "out"}, late=450)
    court.pass_to(590)
    assert court.opened == []
    assert court.state.views == before.views


def test_an_outage_told_of_afterwards_opens_and_closes_with_its_own_times(court: Any) -> None:
    court.tell(0, parts={"paper": "ok"})
    court.tell(1000, parts={"paper": "out"}, late=6000)
    court.tell(1500, parts={"paper": "ok"}, late=5500.3)
    assert court.opened == [("part.fault", "paper", "out", 1000)]
    assert court.closed == [("part.fault", "paper", 1500)]


def test_a_moment_told_of_afterwards_is_still_only_a_moment(court: Any) -> None:
    court.tell(0, parts={"paper": "ok"})
    court.tell(1000, parts={"paper": "out"}, late=6000)
    court.tell(1020, parts={"paper": "ok"}, late=5980.3)
    assert court.opened == []


def test_a_changed_host_key_is_grave_at_once_and_only_the_confirmed_one_takes_it_back(court: Any) -> None:
    court.tell(0)
    court.tell(60, "unknown", failure="refused", reason="hostKeyChanged")
    assert court.opened == [("host.key", "", "hostKeyChanged", 60)]
    assert court.stands() is Standing.FAULT
    court.tell(120, "offline", failure="unreachable")
    court.tell(2000, "unknown", failure="refused", reason="loginRefused")
    court.hold(4000)
    assert "host.key" in court.open
    court.tell(4100)
    assert ("host.key", "", 4100) in court.closed
    assert ("position.unreadable", "", "hostKeyChanged", 60) not in court.opened


def test_wrong_secrets_are_unknown_and_told_of(court: Any) -> None:
    court.fail(0, "unknown", "refused")
    court.hold(1000)
    assert court.opened == [("position.unreadable", "", "noAnswer", 0)]
    assert court.stands() is Standing.UNKNOWN


def test_data_out_of_a_file_is_never_offline(court_of: Any) -> None:
    court = court_of(driver="file")
    court.fail(0, "offline", "unreachable")
    court.hold(600)
    assert court.stands() is Standing.UNKNOWN
    assert court.opened == []
    assert court.state.newest.device == "unknown"


def test_data_out_of_a_file_is_old_by_its_own_date(court_of: Any) -> None:
    day = 86_400
    court = court_of(driver="file")
    court.tell(0, parts={"activity": "active"}, as_of=court.at(-day))
    assert court.stands() is Standing.GOOD
    court.tell(3600, parts={"activity": "active"}, as_of=court.at(-4 * day))
    assert court.stands() is Standing.STALE


def test_a_file_that_does_not_speak_of_the_machine_is_good_only_by_every_word_it_says(court_of: Any) -> None:
    court = court_of(driver="file")
    court.tell(0, "unknown", parts={"activity": "active"}, as_of=court.at(0))
    assert court.stands() is Standing.GOOD
    court.tell(10, "unknown", parts={"activity": "unknown"}, as_of=court.at(10))
    assert court.stands() is Standing.UNKNOWN
    court.tell(20, "unknown", parts={"activity": "active", "service": "unknown"}, as_of=court.at(20))
    assert court.stands() is Standing.UNKNOWN
    court.tell(30, "unknown", as_of=court.at(30))
    assert court.stands() is Standing.UNKNOWN


def test_a_device_that_says_unknown_of_itself_is_not_good_by_its_parts(court_of: Any) -> None:
    court = court_of()
    court.tell(0, "unknown", parts={"paper": "ok"})
    assert court.stands() is Standing.UNKNOWN


def test_of_two_views_the_one_that_answers_counts(court_of: Any) -> None:
    court = court_of()
    court.place = court.place.__class__(
        **{**{f: getattr(court.place, f) for f in court.place.__struct_fields__}, "agents": frozenset({AGENT, 8})}
    )
    court.tell(0, parts={"paper": "ok"})
    court.tell(1, "offline", agent=8, failure="unreachable")
    court.hold(120)
    court.hold(121, agent=8)
    assert court.stands() is Standing.GOOD
    court.fail(130)
    court.hold(260)
    court.hold(261, agent=8)
    assert court.open == {"device.fault"}


def test_another_driver_starts_from_nothing(court: Any) -> None:
    place = {f: getattr(court.place, f) for f in court.place.__struct_fields__}
    court.place = court.place.__class__(**{**place, "driver": "snmp"})
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    court.place = court.place.__class__(**{**place, "driver": "passbook"})
    court.tell(200, parts={"cover": "closed"})
    assert court.open == set()
    assert court.changes[-1].cause == "driver"


def test_a_position_let_go_closes_its_conditions(court: Any) -> None:
    court.tell(0, parts={"paper": "out"})
    court.pass_to(100)
    place = {f: getattr(court.place, f) for f in court.place.__struct_fields__}
    court.place = court.place.__class__(**{**place, "removed": True})
    court.see(None, 200)
    assert court.open == set()
    assert court.state.due is None


def test_needing_a_person_is_no_second_problem_where_a_part_says_what_for(court: Any) -> None:
    court.tell(0, "userError", parts={"cover": "open"})
    court.hold(200)
    assert court.open == {"part.fault cover"}
    court.tell(300, "userError", parts={"cover": "closed"})
    court.hold(500)
    assert court.open == {"device.fault"}
