"""Records of one batch that say the same of their agent: passing over them changes nothing that is judged."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from server.health.clocks import Stamp
from server.health.hearing import same_breath
from server.health.judge import judge
from server.health.rules import shipped_rules
from server.health.state import Around, Heard, Place, State
from server.inventory.tables import SubjectKind

SECOND = 1_000_000
START = 1_793_764_800 * SECOND
AGENT = Place(
    id=1, kind=SubjectKind.AGENT, key="pc", name="pc", branch=2, rules=shipped_rules().of(SubjectKind.AGENT, "")
)

near = st.sampled_from([0, 1, 400, 5000, SECOND, 11 * SECOND, -SECOND])
wrong = st.sampled_from([0, 3 * SECOND, 299 * SECOND, 301 * SECOND, 8 * 3600 * SECOND, -40 * 86_400 * SECOND])


@st.composite
def stamps(draw: st.DrawFn) -> list[Stamp]:
    """Clocks of records in the order they came: mostly one tick after the other, and now and then not."""
    at, boot, off, boot_id = START, 3600 * SECOND, draw(wrong), "boot-0"
    said = []
    for number in range(draw(st.integers(2, 8))):
        at, boot = at + (tick := draw(near)), boot + tick + draw(st.sampled_from([0, 0, 0, 300, 2 * SECOND]))
        off += draw(st.sampled_from([0, 0, 0, 200, 20 * SECOND, -600 * SECOND]))
        boot_id = draw(st.sampled_from([boot_id, boot_id, boot_id, f"boot-{number}"]))
        said.append(Stamp(at + off, max(boot, 0), boot_id, at, draw(st.sampled_from([16_000, 16_000, 40_000]))))
    return said


@given(stamps(), st.lists(st.sampled_from([0, 0, 0, 90 * SECOND]), min_size=8, max_size=8), st.integers(0, 20))
def test_who_is_passed_over_would_have_been_found_the_same(said: list[Stamp], later: list[int], goodbye: int) -> None:
    state, now = State(), START + 60 * SECOND
    for number, (stamp, passed) in enumerate(zip(said, later, strict=False)):
        now += passed
        heard = Heard(stamp.at, goodbye=number == goodbye, stamp=stamp)
        quick = same_breath(state, heard, now)
        state, changes = judge(state, heard, AGENT, Around(), now)
        if quick is not None:
            assert (msgspec.structs.asdict(quick), changes) == (msgspec.structs.asdict(state), [])


def test_the_second_record_of_a_batch_is_passed_over() -> None:
    first = Stamp(START, 3600 * SECOND, "boot", START, 16_000)
    state, _ = judge(State(), Heard(START, stamp=first), AGENT, Around(), START)
    second = Stamp(START + 50_000, 3600 * SECOND + 50_000, "boot", START + 50_000, 16_000)
    quick = same_breath(state, Heard(second.at, stamp=second), START)
    assert quick is not None
    assert (quick.told, quick.stamp) == (second.at, second)
