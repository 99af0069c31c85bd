"""now.json says what is known, and nothing better."""

import msgspec
import pytest

from agent.local import now
from agent.local.now import Known, NowServer
from agent.poll import Seen, failed
from agent.wire import Clock, DeviceWord, Failure, Lore, Polled, Reading, catalogue

SECOND = 1_000_000
CLOCK = Clock(wall=10_000 * SECOND, boot=5_000 * SECOND, boot_id="b")
LAMP = Polled(position="1001/a", name="灯", driver="lamp", address="/x", options={"password": "geheim"}, interval=60.0)
SILENT = Failure("unreachable", "noAnswer", "no answer within 1 s")


def known(seen: Seen, *, ago: int = 10) -> Known:
    at = CLOCK.boot - ago * SECOND
    return Known(seen, at, at - 100 * SECOND)


def online(**said: object) -> Seen:
    return Seen(Reading(**{"device": DeviceWord.ONLINE} | said))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "standing"),
    [
        (online(), "good"),
        (online(parts={"cover": "closed"}), "good"),
        (online(parts={"cover": "open"}), "fault"),
        (online(parts={"paper": "low"}), "attention"),
        (online(parts={"nobodyKnows": "well"}), "unknown"),
        (online(device=DeviceWord.UNKNOWN), "unknown"),
        (online(device=DeviceWord.UNKNOWN, parts={"cover": "closed"}, as_of=5), "good"),
        (online(device=DeviceWord.UNKNOWN, parts={"nobodyKnows": "well"}, as_of=5), "unknown"),
        (online(device=DeviceWord.HARDWARE_ERROR), "fault"),
        (failed(SILENT), "fault"),
        (failed(Failure("busy", "portInUse", "")), "inUse"),
        (failed(Failure("garbled", "badFrame", "")), "unknown"),
    ],
)
def test_only_what_answered_and_is_well_stands_as_good(seen: Seen, standing: str, lore: Lore) -> None:
    assert now.position_of(LAMP, known(seen), CLOCK, lore, catalogue()).standing == standing
    assert now.position_of(LAMP, known(seen, ago=241), CLOCK, lore, catalogue()).standing == "stale"


def test_a_position_never_asked_says_so(lore: Lore) -> None:
    (asked, dark) = now.positions([LAMP], {}, CLOCK, lore, catalogue())
    assert (asked.key, asked.standing, asked.asked) == ("1001/a", "never", None)
    assert (dark.key, dark.standing, dark.name) == ("1001/dark", "unpolled", "未采集的灯")


def test_moments_are_reckoned_back_by_the_boot_clock(lore: Lore) -> None:
    told = now.position_of(LAMP, known(online()), CLOCK, lore, catalogue())
    assert told.asked == CLOCK.wall - 10 * SECOND
    assert told.since == CLOCK.wall - 110 * SECOND


def test_the_most_particular_card_comes_with_what_is_wrong(lore: Lore) -> None:
    def card(seen: Seen) -> list[str]:
        return [step.zh for step in now.position_of(LAMP, known(seen), CLOCK, lore, catalogue()).card]

    assert card(online(parts={"cover": "open"})) == ["合上台灯的前盖"]
    assert card(failed(SILENT)) == ["先看灯"]
    assert card(online()) == []


def test_why_there_is_no_reading_is_said_in_both_languages(lore: Lore) -> None:
    told = now.position_of(LAMP, known(failed(SILENT)), CLOCK, lore, catalogue())
    assert told.why is not None
    assert (told.why.zh, told.why.en) == ("没有应答", "It does not answer")


@pytest.mark.parametrize(
    ("state", "trouble", "power", "ago", "suspected"),
    [
        ("here", "", "mains", 1, ""),
        ("away", "Away", "mains", 1, "line"),
        ("away", "Away", "battery", 1, "power"),
        ("here", "", "battery", 1, "power"),
        ("away", "Away", "battery", 3600, "line"),  # what a UPS said an hour ago is no evidence
        ("away", "Elsewhere", "mains", 1, "server"),
        ("refused", "Rejected", "mains", 1, "server"),
    ],
)
def test_what_is_suspected_follows_from_fresh_evidence(
    state: str, trouble: str, power: str, ago: int, suspected: str
) -> None:
    said = {"url": "u", "state": state, "contact": None, "trouble": "", "kept_out": "", "waiting": 0}
    server = msgspec.convert(said, NowServer)
    ups = {"1001/a": known(online(parts={"power": power}), ago=ago)}
    assert now.suspect([LAMP], ups, CLOCK, server, trouble) == suspected


def test_no_option_of_a_driver_gets_into_the_file(lore: Lore) -> None:
    listed = now.positions([LAMP], {"1001/a": known(online())}, CLOCK, lore, catalogue())
    assert b"geheim" not in msgspec.json.encode(listed)
