"""A template of an emergency: checks of every host, and items that people answer. As a TOML file says it; every error
is one sentence with file and key."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

import msgspec

from server.errors import Told
from server.toml import BadToml, convert, loads

LARGEST: Final = 65_536  # characters of a file
PORTS: Final = "{ports}"  # in the text of an item
_SPAN = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?", re.ASCII)

Line = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Id = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=64)]


class BadTemplate(Told):
    """What is wrong with a file."""


class TemplateItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`of`: each branch answers it, or head office."""

    id: Id
    part: Literal["boundary", "awareness"]
    of: Literal["head", "branch"]
    zh: Line
    en: Line


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Id
    title: Line
    title_en: Line
    checks: Annotated[list[Annotated[str, msgspec.Meta(max_length=120)]], msgspec.Meta(max_length=50)]
    item: Annotated[list[TemplateItem], msgspec.Meta(min_length=1, max_length=100)]
    ports: str = ""

    def frozen(self, ports: str) -> dict[str, Any]:
        """What a campaign keeps of it: later changes of the file do not change what people answered."""
        items = [
            {
                "id": one.id,
                "part": one.part,
                "of": one.of,
                "zh": one.zh.replace(PORTS, ports),
                "en": one.en.replace(PORTS, ports),
            }
            for one in self.item
        ]
        return {"id": self.id, "zh": self.title, "en": self.title_en, "ports": ports, "items": items}


def read_template(text: str, file: str) -> Template:
    """BadTemplate names `file` and what is wrong."""
    if len(text) > LARGEST:
        raise BadTemplate("{file}: {why}", file=file, why=Told("it is longer than {most} characters", most=LARGEST))
    try:
        said = convert(loads(text), Template)
    except BadToml as error:
        raise BadTemplate("{file}: {why}", file=file, why=error) from error
    twice = _twice([one.id for one in said.item])
    if twice:
        raise BadTemplate("{file}: two items have the id {id}", file=file, id=twice)
    if said.ports and not ports_of(said.ports):
        raise BadTemplate("{file}: ports are written as 135,137-139,445", file=file)
    return said


def ports_of(said: str) -> str:
    """ "135, 137-139" -> "135,137-139"; "" where it is no list of ports."""
    spans = []
    for part in said.replace("，", ",").split(","):
        match = _SPAN.fullmatch(part.strip())
        if match is None or not 0 < int(match[1]) <= int(match[2] or match[1]) <= 65_535:
            return ""
        spans.append(match[0])
    return ",".join(spans)


def _twice(ids: list[str]) -> str:
    return next((one for place, one in enumerate(ids) if one in ids[:place]), "")


def item_texts(frozen: Mapping[str, Any], lang: str) -> dict[str, dict[str, str]]:
    """By id, in the order of the template: part, of, title."""
    key = "en" if lang == "en" else "zh"
    items = frozen.get("items", [])
    return {one["id"]: {"part": one["part"], "of": one["of"], "title": one[key]} for one in items}
