"""What one device was found to have, and looking for it: once for each life of a driver, and again when it may differ.

Scalars are found by asking what comes next after the object, which every version answers for those that are missing,
and which finds the instance wherever a card puts it (EAST's cards add a .0). Rows are found by walking one column.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from drivers.errors import NotSupported, Reason
from drivers.snmp.asking import Asking, pack
from drivers.snmp.message import Kind, Question
from drivers.snmp.profile import Oid, Profile, Table, load
from drivers.snmp.reading import Heard, Row, Said, Value, Walked, as_octets, facts_of, holds, is_wanted, keep_row

_SPARE_OCTETS = 4  # a row's value may be longer than the first row's


@dataclass
class Known:
    """Where the objects of a profile are on one device, what was asked once, and the messages of a poll."""

    profile: Profile
    scalars: dict[str, Oid] = field(default_factory=dict)  # asked with every poll
    once: dict[str, Said] = field(default_factory=dict)
    rows: dict[str, dict[Oid, dict[str, Oid]]] = field(default_factory=dict)  # table -> index -> column -> object
    rows_once: dict[str, dict[Oid, dict[str, Said]]] = field(default_factory=dict)
    walked: dict[str, Walked] = field(default_factory=dict)
    sizes: dict[Oid, int] = field(default_factory=dict)  # octets of the values when they were found
    messages: list[Question] = field(default_factory=list)
    _packed_for: int = 0

    def heard(self, values: dict[Oid, Value]) -> Heard:
        """The values of one poll in their places, with those asked once. What was there and is not said now is lost,
        and keeps its place: a power supply that was pulled out is no power supply less."""
        scalars = {name: Said(oid, values[oid]) for name, oid in self.scalars.items() if oid in values}
        rows = {
            table: [
                Row(index, {**self.rows_once[table][index], **said}, frozenset(columns.keys() - said.keys()))
                for index, columns in by_index.items()
                for said in [{name: Said(oid, values[oid]) for name, oid in columns.items() if oid in values}]
            ]
            for table, by_index in self.rows.items()
        }
        lost = frozenset(self.scalars.keys() - scalars.keys())
        return Heard({**self.once, **scalars}, rows, self.walked, lost)

    def pack(self, most: int) -> None:
        """Make the messages of a poll: what parts and the device word are made of first, so it is said at one time."""
        if self._packed_for == most:
            return
        self._packed_for = most
        first = _judged(self.profile)
        everything = [*self.scalars.items(), *(pair for row in self._columns() for pair in row.items())]
        ordered = sorted(everything, key=lambda pair: pair[0] not in first)
        self.messages = [Question(Kind.GET, oids) for oids in pack((oid for _, oid in ordered), self.sizes, most)]

    def _columns(self) -> Iterator[dict[str, Oid]]:
        for by_index in self.rows.values():
            yield from by_index.values()


def _judged(profile: Profile) -> set[str]:
    names = {name for part in profile.part for name in part.of.names}
    return names | {name for rule in profile.device for name in rule.when}


async def choose(asking: Asking, among: Sequence[str]) -> str:
    """The first of `among` whose objects the device has; the last if it has none of them."""
    needed = {name: list(_known_by(load(name))) for name in among}
    found = await asking.next(list({oid: None for oids in needed.values() for oid in oids}))
    return next((name for name in among if any(oid in found for oid in needed[name])), among[-1])


def _known_by(profile: Profile) -> Iterator[Oid]:
    """The objects below which a device of this profile has something."""
    tables = {table.name: table for table in profile.table}
    for need in profile.known_by or profile.needs:
        table = tables.get(need)
        yield table.columns[table.find].oid if table else profile.scalars[need].oid[:-1]


async def look(asking: Asking, name: str, ports: frozenset[str] | None = None) -> Known:
    """Find out what the device has of the profile `name`, and of its ports those in `ports`, or all. NotSupported if
    that is nothing that makes it one."""
    profile = load(name)
    known = Known(profile)
    await _look_for_scalars(asking, known)
    walking = Walking(asking, ports)
    for table in profile.table:
        if table.when is None:
            await _look_for_rows(walking, known, table)
    has = set(known.scalars) | set(known.once) | {table for table, rows in known.rows.items() if rows}
    if not (has.intersection(profile.needs) if profile.needs else has):
        raise NotSupported(Reason.NOT_IN_DEVICE, f'it answers SNMP, and has nothing of what makes it "{name}"')
    known.pack(asking.most)
    return known


async def _look_for_scalars(asking: Asking, known: Known) -> None:
    asked = known.profile.scalars
    found = await asking.next([one.oid[:-1] for one in asked.values()])
    answered = {name for name, one in asked.items() if one.oid[:-1] in found}
    for name, one in asked.items():
        if name not in answered or one.unless in answered:
            continue
        oid, value = found[one.oid[:-1]]
        known.sizes[oid] = len(as_octets(value))
        if one.once:
            known.once[name] = Said(oid, value)
        else:
            known.scalars[name] = oid


async def _look_for_rows(walking: "Walking", known: Known, table: Table) -> None:
    found, known.walked[table.name] = await walking.table(table)
    known.sizes.update({one.oid: len(as_octets(one.value)) for row in found for one in row.said.values()})
    known.rows[table.name] = {
        row.index: {name: one.oid for name, one in row.said.items() if not table.columns[name].once} for row in found
    }
    known.rows_once[table.name] = {
        row.index: {name: one for name, one in row.said.items() if table.columns[name].once} for row in found
    }


class Walking:
    """Going through the tables of one device, once. A column that several tables begin with is walked once."""

    def __init__(self, asking: Asking, ports: frozenset[str] | None) -> None:
        self._asking = asking
        self._ports = ports
        self._columns: dict[tuple[Oid, int], dict[Oid, Value]] = {}

    async def table(self, table: Table) -> tuple[list[Row], Walked]:
        """The rows that count, with every column they have. What rows are chosen by is asked first, then the rest of
        those that are read."""
        column = table.columns[table.find].oid
        limit = table.walk or table.rows
        values = await self._walk(column, limit + 1)
        rows = {index: {table.find: Said((*column, *index), value)} for index, value in list(values.items())[:limit]}
        await self._fill(table, rows, [*table.keep, *table.drop, *table.skip])
        rows = {index: said for index, said in rows.items() if keep_row(table, said)}
        if table.chosen and self._ports is not None:
            await self._fill(table, rows, table.chosen)
            rows = {index: said for index, said in rows.items() if is_wanted(Row(index, said), self._ports)}
        walked = Walked(min(len(rows), table.rows), len(rows), whole=len(values) <= limit)
        rows = dict(list(rows.items())[: table.rows])
        await self._fill(table, rows, [name for name, one in table.columns.items() if not one.unless])
        await self._fill(table, rows, [name for name, one in table.columns.items() if one.unless])
        return [Row(index, said) for index, said in rows.items()], walked

    async def _walk(self, column: Oid, rows: int) -> dict[Oid, Value]:
        if (column, rows) not in self._columns:
            self._columns[column, rows] = await self._asking.walk(column, rows)
        return self._columns[column, rows]

    async def _fill(self, table: Table, rows: dict[Oid, dict[str, Said]], names: Iterable[str]) -> None:
        """Ask for those of the columns `names` that `rows` lack, as far as the device has such a column."""
        columns = {name: table.columns[name] for name in names}
        wanted = [
            (index, name, (*one.oid, *index))
            for index, said in rows.items()
            for name, one in columns.items()
            if name not in said and one.unless not in said
        ]
        sizes: dict[Oid, int] = {}
        if len(rows) > 1 and wanted:
            first = await self._asking.next(list({columns[name].oid: None for _, name, _ in wanted}))
            wanted = [one for one in wanted if columns[one[1]].oid in first]
            sizes = {oid: len(as_octets(first[columns[name].oid][1])) + _SPARE_OCTETS for _, name, oid in wanted}
        values = await self._asking.get([oid for _, _, oid in wanted], sizes)
        for index, name, oid in wanted:
            if oid in values:
                rows[index][name] = Said(oid, values[oid])


async def walk_what_comes_and_goes(asking: Asking, profile: Profile, heard: Heard) -> dict[str, list[Row]]:
    """The rows of those tables that are there only at times, if this is such a time; else they have none. Where nothing
    is known of the time, nothing is said of them."""
    facts, _ = facts_of(profile, heard)
    walking = Walking(asking, None)
    return {
        table.name: (await walking.table(table))[0] if holds(table.when, facts) else []
        for table in profile.table
        if table.when is not None and table.when.keys() <= facts.keys()
    }
