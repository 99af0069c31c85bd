"""People, and how they sign in."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from server.schemas.base import Schema

PASSWORD_LEAST = 10  # characters


class Role(StrEnum):
    BRANCH = "branch"
    HEAD = "head"
    AUDITOR = "auditor"


class SignInAsk(Schema):
    login: Annotated[str, Field(max_length=80)]
    password: Annotated[str, Field(max_length=200)]


class PersonOut(Schema):
    login: str
    name: str
    role: Role
    branches: list[str]  # codes in scope; empty for all
    must_change: bool


class SignInOut(Schema):
    token: str
    person: PersonOut


class PasswordChange(Schema):
    old: Annotated[str, Field(max_length=200)]
    new: Annotated[str, Field(min_length=PASSWORD_LEAST, max_length=200)]
