"""Counts of products over hosts: whatever hosts say, each host is in one word, and what nobody knows is never spare."""

from datetime import date

import hypothesis.strategies as st
from hypothesis import given

from server.checks.sheets import Sheet
from server.licences.bought import bought, products_of, standing
from server.licences.counting import Counts
from server.licences.installs import FRESH, Said, found, said
from server.licences.products import Product, Products, shipped
from server.licences.tables import Licence
from server.schemas.licences import Gap, Install, LicenceKind, LicenceStanding

NOW = 1_795_996_800_000_000  # 2026-11-30
OWN = (
    Product(id="paint", name="Paint", software=("Paint*",), other=("Paint Viewer*",)),
    Product(id="win-pro", name="Win Pro", system=("*Win*",), editions=("Pro*",), activation=True),
    Product(id="win", name="Win", system=("Win XP",)),
    Product(id="nameless", name="Nameless"),
)
REASONS = st.sampled_from(["rights", "absent", "timeout", "unreadable", "no word"])
AGES = st.sampled_from([0, 1, FRESH, FRESH + 1, 10 * FRESH])
PROGRAMS = st.lists(st.sampled_from(["Paint 2\t1.0", "paint", "Paint Viewer\t3", "Other", "[x]*\t?"]), max_size=4)


def sheets(topic: str, facts: dict[str, st.SearchStrategy[object]]) -> st.SearchStrategy[tuple[str, Sheet] | None]:
    some = st.fixed_dictionaries({}, optional=facts)
    unread = st.dictionaries(st.sampled_from([*facts, "", "os.", "software."]), REASONS, max_size=2)
    return st.none() | st.builds(lambda age, f, u: (topic, Sheet(NOW - age, f, u)), AGES, some, unread)


ODD = st.sampled_from([True, 7, "", ["x"], None])
HOSTS = st.tuples(
    sheets("software", {"software": PROGRAMS | ODD, "software.left_out": st.sampled_from([0, 3, False, "0"])}),
    sheets(
        "host",
        {"os.name": st.sampled_from(["Win 10", "Win XP", "Linux", "win\u202e"]) | ODD,
         "os.edition": st.sampled_from(["Pro", "Home"]) | ODD},
    ),
    sheets("policy", {"licence": st.sampled_from(["licensed", "unlicensed", "grace", "stolen"]) | ODD}),
)  # fmt: skip


@given(st.lists(HOSTS, max_size=8))
def test_words_of_every_product_add_up_to_all_hosts_as_each_stands_alone(
    hosts: list[tuple[tuple[str, Sheet] | None, ...]],
) -> None:
    products = Products(OWN)
    told = [{one[0]: said(*one, products) for one in host if one} for host in hosts]
    counts = Counts(products, told, NOW)
    for product in OWN:
        words = [found(product, one, NOW).word for one in told]
        assert counts.of(product) == {word: words.count(word) for word in Install}
        assert sum(counts.of(product).values()) == len(hosts)


def one(name: str, **facts: object) -> dict[str, Said]:
    return {name: said(name, Sheet(NOW, facts), Products(OWN))}


def test_a_list_that_had_no_room_proves_what_is_in_it_and_nothing_else() -> None:
    told = one("software", **{"software": ["Paint 2\t1.0"], "software.left_out": 3})
    assert found(OWN[0], told, NOW) == (Install.USED, None, "Paint 2 1.0", NOW)
    told = one("software", **{"software": ["Other"], "software.left_out": 3})
    assert found(OWN[0], told, NOW)[:2] == (Install.UNKNOWN, Gap.LEFT_OUT)


def test_an_old_list_says_neither_that_it_is_there_nor_that_it_is_not() -> None:
    told = one("software", **{"software": ["Paint 2"], "software.left_out": 0})
    assert found(OWN[0], told, NOW + FRESH).word is Install.USED
    assert found(OWN[0], told, NOW + FRESH + 1)[:2] == (Install.UNKNOWN, Gap.OLD)


def test_an_edition_nobody_said_leaves_only_the_systems_it_may_be_open() -> None:
    told = one("host", **{"os.name": "Win 10"})
    assert found(OWN[1], told, NOW).word is Install.UNKNOWN
    assert found(OWN[2], told, NOW).word is Install.ABSENT


def test_a_windows_of_which_nobody_says_whether_it_is_licensed_is_not_in_use() -> None:
    told = one("host", **{"os.name": "Win 10", "os.edition": "Pro"})
    assert found(OWN[1], told, NOW).word is Install.UNSAID
    assert found(OWN[1], told | one("policy", licence="grace"), NOW).word is Install.GRACE
    assert found(OWN[1], told | one("policy", licence="licensed"), NOW).word is Install.USED


def test_the_shipped_names_tell_editions_and_components_apart() -> None:
    products = Products(shipped())
    for program, product in (
        ("Microsoft Office Professional Plus 2010", ("office-2010-pro-plus",)),
        ("Microsoft Office 专业增强版 2016 - zh-cn", ("office-2016-pro-plus",)),
        ("Microsoft Office LTSC 标准版 2021 - zh-cn", ("office-2021-standard",)),
        ("Microsoft Office Word MUI (Chinese (Simplified)) 2010", ()),
        ("Microsoft Office Proof (English) 2010", ()),
        ("WPS Office 2019 专业版 (11.8.2.12085)", ("wps-professional",)),
        ("WPS Office (12.1.0.18608)", ("wps",)),
        ("wps-office", ("wps",)),
        ("Adobe Acrobat Reader DC - Chinese Simplified", ()),
        ("Microsoft Visio Viewer 2016", ()),
    ):
        assert products.called(program) == product, program
    for name, edition, system in (
        ("Windows 10 Pro", "Professional", "windows-10-pro"),
        ("Windows 10 IoT Enterprise LTSC 2021", "IoTEnterpriseS", "windows-10-ltsc"),
        ("Windows 7 旗舰版", "Ultimate", "windows-7-ultimate"),
        ("Microsoft Windows XP", None, "windows-xp"),
        ("Windows Server 2016 Standard", "ServerStandard", "windows-server-2016"),
    ):
        facts = {"os.name": name} | ({"os.edition": edition} if edition else {})
        assert list(said("host", Sheet(NOW, facts), products).has) == [system]


def licence(product: str, seats: int, expires: str | None, **more: int) -> Licence:
    ends = date.fromisoformat(expires) if expires else None
    return Licence(
        code="x", product=product, publisher="", kind=LicenceKind.VOLUME, seats=seats, contract="", keeper="",
        bought_on=date(2020, 1, 1), expires_on=ends, key_at="", patterns=[], note="", since=0, **more,
    )  # fmt: skip


def test_seats_count_to_the_end_of_their_last_day() -> None:
    rows = [
        licence("paint", 5, None),
        licence("paint", 3, "2026-11-30"),
        licence("paint", 2, "2026-11-29"),
        licence("paint", 9, None, withdrawn_at=1),
    ]
    today = date(2026, 11, 30)
    assert [standing(row, today) for row in rows] == [
        LicenceStanding.VALID,
        LicenceStanding.EXPIRING,
        LicenceStanding.EXPIRED,
        LicenceStanding.WITHDRAWN,
    ]
    assert bought(rows, today)["paint"] == (8, 3, 2, today)


def test_names_of_a_licence_are_looked_for_beside_those_that_are_known() -> None:
    row = licence("paint", 1, None)
    row.patterns = ["画图*"]
    other = licence("刻录软件", 1, None)
    products = products_of(OWN, [row, other])
    assert (products.called("画图 3D"), products.called("Paint")) == (("paint",), ("paint",))
    assert products.by_id["刻录软件"].topic == ""
