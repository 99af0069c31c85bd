"""The judge: what follows from what was seen, or from time passing. Pure, so live, refill and replay say the same.

A condition opens when its rule has been met for `after`, counted in corrected time by the subject's own evidence, or
by the server's clock since the server knew. It closes when the rule is refuted, for `clear_after`, and dates from when
it ended. Silence refutes nothing: a device that falls silent without paper is without paper until it says otherwise.

`due` of the new state says when time alone may change it; the follower comes back then.
"""

from collections.abc import Callable

from agent.wire import Catalogue, catalogue
from server.health.hearing import Hearing
from server.health.looking import Looking
from server.health.state import Around, Change, Place, Seen, State
from server.inventory.tables import SubjectKind


def judge(
    state: State,
    seen: Seen | None,
    place: Place,
    around: Around,
    now: int,
    words: Callable[[], Catalogue] = catalogue,
) -> tuple[State, list[Change]]:
    """The state after `seen` (None: only time passed), and what changed. `now` is the server's clock."""
    case: Hearing | Looking
    if place.kind is SubjectKind.AGENT:
        case = Hearing(state, place, around, now, words())
    else:
        case = Looking(state, place, around, now, words())
    if place.removed:
        case.close_all("removed")
    elif isinstance(case, Hearing):
        case.hear(seen)
    else:
        case.look(seen)
    return case.state, case.changes
