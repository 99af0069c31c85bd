"""Saying that hosts are to be judged again, in the transaction of what may have their verdicts otherwise."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import update
from sqlmodel import Session, col

from server.checks.tables import JudgedHost

NOW: Final = 0  # a `due` that has always come
AT_ONCE: Final = 500  # of one IN (...)


def judge_again(session: Session, subjects: Collection[int]) -> None:
    """Who is no host yet is judged as soon as it is met as one."""
    ids = sorted(subjects)
    for start in range(0, len(ids), AT_ONCE):
        wanted = col(JudgedHost.subject_id).in_(ids[start : start + AT_ONCE])
        session.execute(update(JudgedHost).where(wanted).values(due=NOW))
