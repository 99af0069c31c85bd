"""The boots of an agent whose offsets are kept: an agent may name as many as it likes."""

from collections.abc import Set

from server.ingest.link import Link

BOOTS_KEPT = 1000  # of an agent: of a PC that is started sixteen times a day those of two months

KNOWN = "SELECT boot_id FROM clock_offset WHERE agent_id = ? GROUP BY boot_id ORDER BY max(id) DESC"


def let_go_of_boots(link: Link, agent_id: int, needed: Set[str]) -> None:
    """The oldest go, but for those that records still to come are of: an offset that was given is not taken back."""
    for (boot_id,) in link.rows(KNOWN, agent_id)[BOOTS_KEPT:]:
        if boot_id not in needed:
            link.run("DELETE FROM clock_offset WHERE agent_id = ? AND boot_id = ?", agent_id, boot_id)
