"""What one device was found to have, and looking for it: once for each life of a driver, and again when it may differ.

Scalars are found by asking what comes next after the object, which every version answers for those that are missing,
and which finds the instance wherever a card puts it (EAST's cards add a .0). Rows are found by walking one column.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from drivers.errors import NotSupported, Reason
from drivers.snmp.asking import Asking, pack
from drivers.snmp.message import Kind, Question
from drivers.snmp.profile import ORDER, Asked, Oid, Profile, Table, load
from drivers.snmp.reading import Heard, Row, Said, Value, as_octets, facts_of, holds, keep_row


@dataclass
class Known:
    """Where the objects of a profile are on one device, what was asked once, and the messages of a poll."""

    profile: Profile
    scalars: dict[str, Oid] = field(default_factory=dict)  # asked with every poll
    once: dict[str, Said] = field(default_factory=dict)
    rows: dict[str, dict[Oid, dict[str, Oid]]] = field(default_factory=dict)  # table -> index -> column -> object
    rows_once: dict[str, dict[Oid, dict[str, Said]]] = field(default_factory=dict)
    sizes: dict[Oid, int] = field(default_factory=dict)  # octets of the values when they were found
    messages: list[Question] = field(default_factory=list)
    _packed_for: int = 0

    def heard(self, values: dict[Oid, Value]) -> Heard:
        """The values of one poll in their places, with those asked once. A row that has gone is gone."""
        scalars = {name: Said(oid, values[oid]) for name, oid in self.scalars.items() if oid in values}
        rows = {
            table: [
                Row(index, {**self.rows_once[table][index], **said})
                for index, columns in by_index.items()
                if (said := {name: Said(oid, values[oid]) for name, oid in columns.items() if oid in values})
            ]
            for table, by_index in self.rows.items()
        }
        return Heard({**self.once, **scalars}, rows)

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


async def choose(asking: Asking) -> str:
    """The particular profile whose objects the device has; "host" if it has none of them."""
    needed = {name: list(_needs(load(name))) for name in ORDER}
    found = await asking.next([oid for oids in needed.values() for oid in oids])
    return next((name for name in ORDER if any(oid in found for oid in needed[name])), "host")


def _needs(profile: Profile) -> Iterator[Oid]:
    """The objects below which a device of this profile has something."""
    tables = {table.name: table for table in profile.table}
    for need in profile.needs:
        table = tables.get(need)
        yield table.columns[table.find].oid if table else profile.scalars[need].oid[:-1]


async def look(asking: Asking, name: str) -> Known:
    """Find out what the device has of the profile `name`. NotSupported if that is nothing that makes it one."""
    profile = load(name)
    known = Known(profile)
    await _look_for_scalars(asking, known)
    for table in profile.table:
        if table.when is None:
            await _look_for_rows(asking, known, table)
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


async def _look_for_rows(asking: Asking, known: Known, table: Table) -> None:
    found = await walk_table(asking, table)
    known.sizes.update({one.oid: len(as_octets(one.value)) for row in found for one in row.said.values()})
    known.rows[table.name] = {
        row.index: {name: one.oid for name, one in row.said.items() if not table.columns[name].once} for row in found
    }
    known.rows_once[table.name] = {
        row.index: {name: one for name, one in row.said.items() if table.columns[name].once} for row in found
    }


async def walk_table(asking: Asking, table: Table) -> list[Row]:
    """The rows that count, with every column they have. What rows are chosen by is asked first, then the rest."""
    column = table.columns[table.find].oid
    walked = await asking.walk(column, table.rows)
    said = {index: {table.find: Said((*column, *index), value)} for index, value in walked.items()}
    chosen_by = [name for name in (*table.keep, *table.skip) if name != table.find]
    await _fill(asking, table, said, chosen_by)
    said = {index: row for index, row in said.items() if keep_row(table, row)}
    rest = [name for name in table.columns if name != table.find and name not in chosen_by]
    await _fill(asking, table, said, [name for name in rest if not table.columns[name].unless])
    await _fill(asking, table, said, [name for name in rest if table.columns[name].unless])
    return [Row(index, row) for index, row in said.items()]


async def _fill(asking: Asking, table: Table, said: dict[Oid, dict[str, Said]], names: Iterable[str]) -> None:
    columns: dict[str, Asked] = {name: table.columns[name] for name in names}
    wanted = [
        (index, name, (*one.oid, *index))
        for index, row in said.items()
        for name, one in columns.items()
        if one.unless not in row
    ]
    values = await asking.get([oid for _, _, oid in wanted])
    for index, name, oid in wanted:
        if oid in values:
            said[index][name] = Said(oid, values[oid])


async def walk_what_comes_and_goes(asking: Asking, profile: Profile, heard: Heard) -> dict[str, list[Row]]:
    """The rows of those tables that are there only at times, if this is such a time; else they have none."""
    facts, _ = facts_of(profile, heard)
    return {
        table.name: await walk_table(asking, table) if holds(table.when, facts) else []
        for table in profile.table
        if table.when is not None
    }
