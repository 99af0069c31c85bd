"""The expressions of a check: CEL, of which only so much is taken that a fact which is missing can prove nothing.

A fact that is not known is an error of CEL, and `&&` and `||` take errors as logic does: false && error is false.
Nothing in the language can tell that a fact is missing, so without it an expression says the same, or nothing at all.
"""

import logging
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from itertools import takewhile
from types import ModuleType
from typing import Any, Final, NamedTuple

from server.checks.functions import FUNCTIONS, are_ports
from server.checks.words import name_of, names
from server.errors import Told

LONGEST: Final = 4_000  # characters of an expression
DEEPEST: Final = 40  # brackets in brackets: CEL's parser goes as deep on the stack
AV: Final = ("product", "version", "engine", "library", "library_at", "realtime", "scanned_at", "read")
OWN_AV: Final = {"library_days": "library_at"}  # made of another fact
MACROS: Final = ("exists", "all", "exists_one", "filter", "map")
METHODS: Final = (*MACROS, "size", "contains", "startsWith", "endsWith", "matches")
CASTS: Final = ("int", "string", "size")
WORDS: Final = ("true", "false", "in", "f", "av", "bank")
_SYNTAX = re.compile(
    r"<input>:(?P<line>\d+):(?P<at>\d+): .*?(?:at|input) '(?P<token>.*?)'(?: expecting|\n|$)", re.DOTALL
)
_TOKEN = re.compile(
    r"""\s+ | (?P<text>"(?:[^"\\\n]|\\.)*" | '(?:[^'\\\n]|\\.)*') | (?P<number>\d[\w.]*) | (?P<name>[^\W\d]\w*)
    | (?P<sign>&&|\|\||[=!<>]=|[-+*/%<>!?:.,()\[\]])""",
    re.VERBOSE,
)


@cache
def _cel() -> ModuleType:
    """Taken when the first check is read: it brings a command line of its own, which takes half a second to load."""
    import cel

    # A function that says no by raising has that logged, as an error, by cel: here it is an answer like any other.
    logging.getLogger("cel").setLevel(logging.CRITICAL)
    return cel


class BadExpression(Told):
    """What is wrong with it, and what to write instead."""


class Neither(TypeError):
    """What it comes to is no answer."""


class Token(NamedTuple):
    kind: str  # text number name sign end
    text: str
    at: int


class Expression:
    """`value()` gives True, False, or the error that kept it from either. `reads`: av.*.x is that of every product."""

    def __init__(self, source: str) -> None:
        """BadExpression."""
        self.source = source
        tokens = _tokens(source)
        self.reads: tuple[str, ...] = tuple(dict.fromkeys(_Reader(tokens).reads()))
        self.uses = frozenset(token.text for token in tokens if token.kind == "name")
        try:
            self._program = _cel().compile(source)
        except Exception as error:
            raise BadExpression("it is no CEL: {why}", why=_parsed(str(error))) from error
        if isinstance(self.value({"f": {}}, {}), Neither):
            raise BadExpression("it is neither true nor false: write a comparison")

    def value(self, variables: Mapping[str, Any], functions: Mapping[str, Any]) -> bool | Exception:
        if self.source == "true":
            return True
        try:
            context = _cel().Context(variables=dict(variables), functions=dict(functions))
            said = self._program.execute(context)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the library is none of Exception's kind
            return error if isinstance(error, Exception) else RuntimeError(str(error))
        return said if isinstance(said, bool) else Neither(f"{type(said).__name__} is neither true nor false")


def _tokens(source: str) -> list[Token]:
    if len(source) > LONGEST:
        raise BadExpression("it is {count} characters long, {most} at most", count=len(source), most=LONGEST)
    found: list[Token] = []
    at = depth = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            sign = source[at]
            raise BadExpression("{sign} at character {at} is not part of the language", sign=sign, at=at + 1)
        if match.lastgroup is not None:
            found.append(Token(match.lastgroup, match[0], at))
        depth += (match[0] in "([") - (match[0] in ")]") if match.lastgroup == "sign" else 0
        if depth > DEEPEST:
            raise BadExpression("it has more than {most} brackets within each other", most=DEEPEST)
        at = match.end()
    return [*found, Token("end", "", at), Token("end", "", at), Token("end", "", at)]


class _Reader:
    """Goes through the tokens once and says which facts are read; refuses what could tell that a fact is missing."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens = tokens
        self._bound: dict[str, str] = {}  # a macro's name for one thing -> "av" or ""

    def reads(self) -> Iterator[str]:
        inside: list[int] = []  # of macros: how many brackets were open
        depth = 0
        for index, token in enumerate(self._tokens):
            after, before = self._tokens[index + 1 :], self._tokens[index - 1] if index else Token("end", "", 0)
            if token.text in ("(", "[") and token.kind == "sign":
                depth += 1
            elif token.text in (")", "]") and token.kind == "sign":
                depth -= 1
                if inside and inside[-1] > depth:
                    inside.pop()
            elif token.kind == "name" and before.text == ".":
                if self._method(token, after, self._tokens[max(index - 2, 0)]) and token.text in MACROS:
                    if inside:
                        raise BadExpression(
                            "{name} stands within another of its kind: write two checks", name=token.text
                        )
                    inside.append(depth + 1)
                    self._bind(token, after, self._tokens[max(index - 2, 0)])
            elif token.kind == "name" and token.text in self._bound:
                yield from self._one(token, after, before)
            elif token.kind == "name":
                yield from self._name(token, after, index)

    def _method(self, token: Token, after: list[Token], on: Token) -> bool:
        if after[0].text != "(":
            if self._bound.get(on.text) == "av" or on.text == "bank":
                return False  # a field
            raise BadExpression('.{name} is no field: a fact is written f["{name}"]', name=token.text)
        if token.text not in METHODS:
            raise BadExpression("there is no {name}(); there are {known}", name=token.text, known=", ".join(METHODS))
        return True

    def _bind(self, token: Token, after: list[Token], on: Token) -> None:
        name = after[1]
        if name.kind != "name" or name.text in (*WORDS, *FUNCTIONS, *CASTS):
            raise BadExpression("{name} needs a name of its own for one thing, as in .exists(p, ...)", name=token.text)
        whose = "av" if on.text == "av" else ""
        if self._bound.get(name.text, whose) != whose:
            raise BadExpression("{name} means two things: use two names", name=name.text)
        if whose and token.text not in ("exists", "all"):
            raise BadExpression("av.{name} is not taken: there are av.exists and av.all", name=token.text)
        self._bound[name.text] = whose

    def _one(self, token: Token, after: list[Token], before: Token) -> Iterator[str]:
        """One product of antivirus: only its fields; to have it whole would tell which it lacks."""
        if self._bound[token.text] != "av" or (before.text == "(" and after[0].text == ","):
            return
        if after[0].text != "." or after[1].kind != "name" or after[1].text not in (*AV, *OWN_AV):
            known = ", ".join((*AV, *OWN_AV))
            raise BadExpression("of {name} there is {known}, as in {name}.product", name=token.text, known=known)
        yield f"av.*.{OWN_AV.get(after[1].text, after[1].text)}"

    def _comparison(self, name: str, index: int) -> None:
        """Of a fact that is one of a few words: it is compared with one of these, or it would never be so."""
        words = name_of("*" if "*" in name else name).words
        if not words:
            return
        tokens = self._tokens
        others = [tokens[index + 5]] if tokens[index + 4].text in ("==", "!=") else []
        if index >= 2 and tokens[index - 1].text in ("==", "!="):
            others.append(tokens[index - 2])
        if tokens[index + 4].text == "in" and tokens[index + 5].text == "[":
            others += _until_bracket(tokens[index + 6 :])
        for other in others:
            if other.kind == "text" and other.text[1:-1] not in words:
                raise BadExpression(
                    "{fact} is never {said}; it is one of {known}",
                    fact=name,
                    said=other.text[:64],
                    known=", ".join(words),
                )

    def _ports(self, index: int) -> None:
        depth = 0
        for place in range(index + 1, len(self._tokens)):
            token = self._tokens[place]
            depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
            if depth == 0:
                last = self._tokens[place - 1]
                if last.kind == "text" and not are_ports(last.text[1:-1]):
                    raise BadExpression('any_port takes ports as "135,137-139,445", not {said}', said=last.text[:64])
                return

    def _bank(self, after: list[Token]) -> None:
        """Its baselines are asked by baseline(): a UBR nobody wrote down would be a number there, and let all pass."""
        said = [one.text if one.kind != "text" else "text" for one in after[:4]]
        if said[:2] != [".", "now"] and said != [".", "newest", "[", "text"]:
            raise BadExpression(
                'of bank there is bank.now and bank.newest["..."]; baselines are asked by baseline(f["os.build"])'
            )

    def _name(self, token: Token, after: list[Token], index: int) -> Iterator[str]:
        if token.text == "f":
            if [after[0].text, after[1].kind, after[2].text] != ["[", "text", "]"]:
                raise BadExpression('a fact is written f["ports.tcp"], nothing else can be asked of f')
            name = _fact(after[1].text)
            self._comparison(name, index)
            yield name
        elif token.text == "cannot_read":
            if [after[0].text, after[1].kind, after[2].text] != ["(", "text", ")"]:
                raise BadExpression('cannot_read needs a fact by its name: cannot_read("file.srv.sys")')
            yield _fact(after[1].text)
        elif token.text == "any_port":
            self._ports(index)
        elif token.text == "av":
            if after[0].text != "." or after[1].text not in ("exists", "all"):
                raise BadExpression("of av there is av.exists(p, ...) and av.all(p, ...)")
            yield from ("av.count", "av.*.product")
        elif token.text == "bank":
            self._bank(after)
        elif token.text not in WORDS and not (token.text in (*FUNCTIONS, *CASTS) and after[0].text == "("):
            known = (*WORDS, *FUNCTIONS, *CASTS)
            near = get_close_matches(token.text, known, 1)
            hint = near[0] if near else ", ".join(known)
            raise BadExpression("{name} is not known here; there is {hint}", name=token.text, hint=hint)


def _parsed(said: str) -> Told:
    """What CEL's parser says, by the first place it tells of, in our own words."""
    errors = [one for one in said.split("ERROR: ")[1:] if "Incomplete" not in one]
    found = _SYNTAX.match(errors[0]) if errors else None
    if found is None:
        return Told("it cannot be read")
    place = {"line": found["line"], "at": found["at"]}
    if "<EOF>" in found["token"]:
        return Told("line {line}, character {at}: something is missing at the end", **place)
    return Told("line {line}, character {at}: {sign} does not belong there", **place, sign=found["token"][:64])


def _until_bracket(tokens: list[Token]) -> Iterator[Token]:
    return takewhile(lambda token: token.text != "]", tokens)


def _fact(text: str) -> str:
    name = text[1:-1]
    try:
        name_of("*" if "*" in name else name)
    except KeyError as error:
        near = get_close_matches(name, names(), 1, 0.5)
        told = (
            "there is no fact {name}; there is {near}"
            if near
            else "there is no fact {name}: docs/facts.md and server/checks/facts.toml have them"
        )
        raise BadExpression(told, name=name, near=near[0] if near else "") from error
    return name
