"""What many ask for at once is counted once for all who wait, and never from before they asked."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from server.places.together import Together
from server.schemas.people import Role


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it never came true"


class Counting:
    """Counts that end when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Semaphore(0)
        self.together: Together[int] = Together()

    def count(self) -> int:
        self.begun += 1
        number = self.begun
        self.may_end.acquire()
        return number


def test_all_who_come_during_a_count_share_the_next() -> None:
    counting = Counting()
    with ThreadPoolExecutor(9) as pool:
        first = pool.submit(counting.together.ask, "bank", counting.count)
        until(lambda: counting.begun == 1)
        others = [pool.submit(counting.together.ask, "bank", counting.count) for _ in range(8)]
        until(lambda: "bank" in counting.together._open and pool._work_queue.empty())
        counting.may_end.release()
        assert first.result() == 1
        until(lambda: counting.begun == 2)
        counting.may_end.release(8)
        assert {one.result() for one in others} <= {2, 3}
        assert counting.begun <= 3  # a thread that came too late to wait for the second


def test_another_key_is_another_count() -> None:
    counting = Counting()
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(counting.together.ask, key, counting.count) for key in ("head", "auditor")]
        until(lambda: counting.begun == 2)
        counting.may_end.release(2)
        assert sorted(one.result() for one in asked) == [1, 2]


def test_who_waits_hears_of_an_error_and_the_next_counts_again() -> None:
    together: Together[int] = Together()
    begun, broken = threading.Event(), Future[int]()

    def count() -> int:
        begun.set()
        return broken.result()

    def fails() -> int:
        raise LookupError("away")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(together.ask, "bank", count)
        begun.wait()
        second = pool.submit(together.ask, "bank", fails)
        until(lambda: "bank" in together._open)
        broken.set_exception(LookupError("away"))
        for one in (first, second):
            with pytest.raises(LookupError):
                one.result()
    assert together.ask("bank", lambda: 7) == 7


def test_the_whole_banks_home_is_shared_by_language_and_role_alone(sign_in: Any) -> None:
    """A person of a branch never gets another's."""
    english = sign_in(Role.HEAD).get("/api/home").json()
    chinese = sign_in(Role.HEAD, lang="zh").get("/api/home").json()
    branch = sign_in(Role.BRANCH, ["1002"]).get("/api/home").json()
    assert english["figures"][0]["title"] == "Devices"
    assert chinese["figures"][0]["title"] == "设备"
    assert [one["value"] for one in (english["figures"][0], branch["figures"][0])] == ["4", "1"]
    assert sign_in(Role.AUDITOR).get("/api/home").json()["role"] == "auditor"
