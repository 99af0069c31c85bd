from server.schemas.observations import ObservationOut
from tui.demo.account import lost


def observation(at: int, parts: dict[str, str], subject: str = "1001/atm-1") -> ObservationOut:
    return ObservationOut(
        id=at, subject=subject, agent="centre", seq=at, at=at, device="online", parts=parts, numbers={}, failure=None
    )


def test_what_was_told_and_held_is_not_lost() -> None:
    told = [("1001/atm-1", {"paper": "ok"}), ("1001/atm-1", {"paper": "out"})]
    held = [observation(1, {"paper": "ok", "cover": "closed"}), observation(2, {"paper": "out", "cover": "closed"})]
    assert lost(told, held) == []


def test_a_change_that_never_arrived_is_lost() -> None:
    told = [("1001/atm-1", {"paper": "ok"}), ("1001/atm-1", {"paper": "out"})]
    assert lost(told, [observation(1, {"paper": "ok"})]) == [("1001/atm-1", {"paper": "out"})]


def test_coming_back_to_an_old_state_needs_an_observation_of_its_own() -> None:
    told = [("1001/atm-1", {"paper": word}) for word in ("ok", "out", "ok")]
    held = [observation(1, {"paper": "ok"}), observation(2, {"paper": "out"})]
    assert lost(told, held) == [("1001/atm-1", {"paper": "ok"})]


def test_an_observation_of_another_subject_answers_for_nothing() -> None:
    told = [("1001/atm-1", {"paper": "ok"})]
    assert lost(told, [observation(1, {"paper": "ok"}, subject="1001/atm-2")]) == told


def test_observations_that_arrive_late_are_put_in_order_by_their_time() -> None:
    told = [("1001/atm-1", {"paper": "ok"}), ("1001/atm-1", {"paper": "out"})]
    assert lost(told, [observation(9, {"paper": "out"}), observation(1, {"paper": "ok"})]) == []
