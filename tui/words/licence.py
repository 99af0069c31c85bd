"""Software licences in words, for the screens and the command."""

from server.schemas.licences import Gap, Install, InstallPage, LicenceKind, LicenceStanding, ProductOut, ProductPage
from tui.texts import N_, _
from tui.words.marks import Mark

WORDS: dict[Install, Mark] = {
    Install.USED: Mark("●", N_("used"), "good"),
    Install.UNLICENSED: Mark("■", N_("not licensed"), "fault"),
    Install.GRACE: Mark("▲", N_("time of grace"), "attention"),
    Install.UNSAID: Mark("?", N_("licence not known"), "unknown"),
    Install.ABSENT: Mark("◇", N_("not installed"), "idle"),
    Install.UNKNOWN: Mark("?", N_("not known"), "unknown"),
}
GAPS: dict[Gap, str] = {
    Gap.NEVER: N_("it never told its programs"),
    Gap.OLD: N_("told more than 30 days ago"),
    Gap.LEFT_OUT: N_("its list is not whole"),
    Gap.RIGHTS: N_("without the right to read it"),
    Gap.NOTHING: N_("nothing there tells it"),
    Gap.TIMEOUT: N_("it took too long"),
    Gap.UNREADABLE: N_("it could not be read"),
    Gap.UNNAMED: N_("nobody said what it is called"),
}
STANDINGS: dict[LicenceStanding, Mark] = {
    LicenceStanding.VALID: Mark("●", N_("valid"), "good"),
    LicenceStanding.EXPIRING: Mark("▲", N_("ends soon"), "attention"),
    LicenceStanding.EXPIRED: Mark("■", N_("expired"), "fault"),
    LicenceStanding.WITHDRAWN: Mark("○", N_("retired"), "unknown"),
}
KINDS: dict[LicenceKind, str] = {
    LicenceKind.VOLUME: N_("volume"),
    LicenceKind.OEM: N_("came with the PC"),
    LicenceKind.RETAIL: N_("retail"),
    LicenceKind.SUBSCRIPTION: N_("subscription"),
}
OVER = Mark("■", N_("more than bought"), "fault")
NOT_BOUGHT = Mark("■", N_("not bought"), "fault")
EXPIRED = STANDINGS[LicenceStanding.EXPIRED]
UNLICENSED = WORDS[Install.UNLICENSED]
ENDING = STANDINGS[LicenceStanding.EXPIRING]
OPEN = Mark("?", N_("cannot be told"), "unknown")
ENOUGH = Mark("●", N_("enough"), "good")
THERE = Mark("◇", N_("installed"), "idle")


def mark(one: ProductOut) -> Mark:
    """The worst of it. Enough is only what would be even if every host that is not known had it."""
    if one.over:
        return OVER if one.bought else NOT_BOUGHT
    for mark, what in ((UNLICENSED, one.unlicensed + one.grace), (EXPIRED, one.expired), (ENDING, one.expiring)):
        if what:
            return mark
    if one.bought is None:
        return THERE if not one.unknown else OPEN
    return ENOUGH if one.bought >= one.installed + one.unknown and not one.unsaid else OPEN


def number(said: int | None) -> str:
    return "—" if said is None else f"{said:,}"


def listed(page: ProductPage) -> str:
    """Of how many hosts the figures speak; the others are not known."""
    told = _("{listed} of {hosts} hosts told all their programs within 30 days")
    return told.format(listed=page.listed, hosts=page.hosts)


def counted(page: InstallPage) -> str:
    """How all hosts stand, those of which there are none left out."""
    return " · ".join(f"{WORDS[word].title} {page.counts[word]:,}" for word in WORDS if page.counts.get(word))


def why(gap: Gap | None) -> str:
    return _(GAPS[gap]) if gap else ""
