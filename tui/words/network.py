"""The wire against the ledger in words, for the screen and the command."""

from server.schemas.network import NetworkList, NetworkPage, NetworkRow, Sort
from tui.texts import N_, _
from tui.words.marks import Mark
from tui.words.times import ago, local

LISTS: dict[NetworkList, str] = {
    NetworkList.STRANGERS: N_("On the wire, not in the ledger"),
    NetworkList.MISSING: N_("In the ledger, not seen"),
    NetworkList.ANTIVIRUS: N_("Seen without antivirus"),
}
SORTS: dict[Sort, Mark] = {
    Sort.STRANGER: Mark("■", N_("not in the ledger"), "fault"),
    Sort.RANDOM: Mark("?", N_("made-up MAC"), "unknown"),
    Sort.SHARED: Mark("◇", N_("shared MAC"), "idle"),
    Sort.ROUTER: Mark("◇", N_("answers for many"), "idle"),
    Sort.MISSING: Mark("▲", N_("not seen"), "attention"),
    Sort.UNLOOKED: Mark("?", N_("nobody looked"), "unknown"),
    Sort.NO_ANTIVIRUS: Mark("■", N_("no antivirus"), "fault"),
    Sort.ANTIVIRUS_UNKNOWN: Mark("?", N_("antivirus not known"), "unknown"),
}


def covered(page: NetworkPage) -> str:
    """Of how many branches somebody told, and how old the oldest of that is. Of the others nothing is known."""
    told = _("{looked} of {branches} branches were looked at").format(looked=page.looked, branches=page.branches)
    old = _("the oldest {ago}").format(ago=ago(page.oldest, page.at)) if page.oldest is not None else ""
    swept = _("{n} networks swept within two days").format(n=page.swept) if page.swept else ""
    return _(", ").join(one for one in (told, old, swept) if one)


def pending(page: NetworkPage) -> str:
    """What somebody of head office is waited for."""
    return _("{n} sweeps wait for approval").format(n=page.waiting) if page.waiting else ""


def counted(page: NetworkPage, which: NetworkList) -> str:
    """What the list holds, by sort; of strangers also what is told apart from them."""
    sorts = {
        NetworkList.STRANGERS: (Sort.STRANGER, Sort.RANDOM, Sort.SHARED, Sort.ROUTER),
        NetworkList.MISSING: (Sort.MISSING, Sort.UNLOOKED),
        NetworkList.ANTIVIRUS: (Sort.NO_ANTIVIRUS, Sort.ANTIVIRUS_UNKNOWN),
    }[which]
    return " · ".join(f"{SORTS[sort].title} {page.counts.get(sort.value, 0):,}" for sort in sorts)


def who(row: NetworkRow) -> str:
    """Its name in the ledger, or whose address a stranger uses."""
    if row.claims:
        return _("uses the address of {key}").format(key=row.claims)
    return f"{row.name} {row.key}".strip()


def where(row: NetworkRow) -> str:
    """The port it hangs on; whether a sweep found it; of one that is missing, when a sweep got no answer."""
    if row.swept_at is None:
        return row.where
    if row.sort in (Sort.MISSING, Sort.UNLOOKED):
        return _("no answer to the sweep of {when}").format(when=f"{local(row.swept_at):%m-%d}")
    return _("{where}, by sweep {when}").format(where=row.where, when=f"{local(row.swept_at):%m-%d}")


def addresses(row: NetworkRow) -> str:
    return ", ".join(row.ips[:2]) + (" …" if len(row.ips) > 2 else "")
