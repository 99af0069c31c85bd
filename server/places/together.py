"""Counting once what many ask for at the same moment."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Together(Generic[T]):
    """Who asks while a count is made waits for the next one, which is made for all who wait.

    So whoever asks gets a count that began after that, however many ask, and at most one a key is under way: a head
    office's twenty consoles that all hear of one change cost what one does.
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._open: dict[Hashable, Future[T]] = {}  # to be begun: whoever comes may still wait for it
        self._turns: dict[Hashable, threading.Lock] = {}  # held while one is made

    def ask(self, key: Hashable, count: Callable[[], T]) -> T:
        """What `count` gives, or raises. It is to look at how things stand when it is called."""
        with self._guard:
            shared = self._open.get(key)
            if shared is None:
                made = self._open[key] = Future()
            turn = self._turns.setdefault(key, threading.Lock())
        if shared is not None:
            return shared.result()
        with turn:
            with self._guard:
                del self._open[key]
            try:
                counted = count()
            except BaseException as error:
                made.set_exception(error)
                raise
            made.set_result(counted)
        return counted
