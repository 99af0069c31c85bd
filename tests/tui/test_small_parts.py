"""Pinyin, times, the words figures open with, settings, the kept sign-in."""

import os
import stat
from pathlib import Path

import pytest
from rich.cells import cell_len

from drivers.host.told import NAMES
from server.schemas.positions import SelfTestOut
from server.schemas.registers import Category, Entry, Outcome, SecurityRowOut, Source
from tui import settings
from tui.commands import token
from tui.commands.facts import _read
from tui.commands.token import Kept
from tui.opens import place
from tui.pinyin import is_initials, says
from tui.settings import BadSettings
from tui.texts import speak
from tui.widgets.frame import key_name
from tui.words.register import FOUND, lines
from tui.words.security import title_of
from tui.words.times import DAY, HOUR, MINUTE, SECOND, ago, clock, moment, span
from tui.words.values import clock_off, self_test

NOON = 1_793_764_800_000_000  # 2026-11-04, noon in the bank's zone


def test_yesterdays_self_test_does_not_read_as_todays() -> None:
    speak("zh")
    tested = SelfTestOut(at=NOON - 4 * HOUR, level="good", word="正常")
    assert self_test(tested, NOON) == "08:00 自检正常"
    assert self_test(tested, NOON + DAY) == "11-04 08:00 自检正常"
    speak("en")
    assert self_test(tested, NOON + DAY) == "self-test 正常 at 11-04 08:00"


def test_how_far_a_clock_is_off_is_told_with_how_sure_that_is() -> None:
    speak("zh")
    assert clock_off(8 * HOUR + 70 * SECOND, 60_000) == "快 8 小时 ± 1 秒"
    assert clock_off(-9500 * DAY, 30 * HOUR) == "慢 9500 天 ± 30 小时"
    assert clock_off(-200_000, 120_000) == "± 1 秒"
    assert clock_off(20 * SECOND, 30 * SECOND) == "± 50 秒"
    speak("en")
    assert clock_off(-40 * SECOND, SECOND) == "40 s slow ± 1 s"


def test_one_long_finding_makes_no_other_line_of_the_register_long() -> None:
    speak("zh")
    texts = {name: "" for name, field in SecurityRowOut.model_fields.items() if field.annotation is str}
    numbers = dict.fromkeys(("since", "library_at", "corrects", "corrected_by", "follows"))
    words = {"source": Source.HAND, "kind": Entry.CHECK, "category": Category.DAILY, "outcome": Outcome.FAIL}
    said = {"no": 1, "at": NOON, "written": NOON, "review": Outcome.NONE, "overdue": False, "found": "界" * 2000}
    [_head, told] = lines([SecurityRowOut.model_validate({**texts, **numbers, **words, **said})], NOON)
    assert cell_len(told[6]) <= FOUND
    assert told[6].endswith("…")


def test_a_pipe_is_no_file_of_a_stick_and_is_not_waited_for(tmp_path: Path) -> None:
    speak("en")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="a device or a pipe"):
        _read(tmp_path / "pipe")


@pytest.mark.parametrize(
    ("query", "text"),
    [("zwzh", "正午支行"), ("czdyj", "1号窗口 存折打印机"), ("1hck", "1号窗口 存折打印机"), ("ATM", "大堂 ATM-1")],
)
def test_initials_find_a_name_whichever_reading_a_character_has(query: str, text: str) -> None:
    assert says(query, text)


def test_initials_of_another_name_do_not() -> None:
    assert not says("zwzh", "滨河支行")
    assert not says("zwzhx", "正午支行")


def test_chinese_and_numbers_are_no_initials() -> None:
    assert [is_initials(text) for text in ("zwzh", "1hck", "正午", "1001", "a b", "")] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]


def test_a_length_of_time_is_told_in_its_largest_unit() -> None:
    assert [span(n) for n in (-5, 59 * SECOND, MINUTE, 59 * MINUTE, HOUR, 47 * HOUR, 2 * DAY)] == [
        "0 秒", "59 秒", "1 分钟", "59 分钟", "1 小时", "47 小时", "2 天",
    ]  # fmt: skip
    assert ago(None, NOON) == "—"


def test_times_are_the_banks_wherever_the_console_runs() -> None:
    assert clock(NOON) == "12:00"
    assert moment(NOON - DAY, NOON) == "11-03 12:00"
    assert moment(NOON - 400 * DAY, NOON) == "2025-09-30"


def test_english_is_spoken_when_asked_for() -> None:
    speak("en")
    assert ago(NOON - MINUTE, NOON) == "1 min ago"


def test_a_figure_opens_a_list_with_its_filters_or_one_thing() -> None:
    to = place("devices?standing=fault&standing=stale&branch=1001")
    assert (to.name, to.key, to.all("standing"), to.one("branch"), to.one("q")) == (
        "devices",
        "",
        ("fault", "stale"),
        "1001",
        None,
    )
    assert place("devices/1001/atm-1").key == "1001/atm-1"
    assert place("tickets?q=%E5%8D%A1").one("q") == "卡"


def test_a_flag_goes_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "console.toml").write_text('server = "https://file"\nlang = "en"\ntheme = "light"\n', encoding="utf-8")
    environment = {
        "BRANCHFLEET_CONFIG": str(tmp_path),
        "BRANCHFLEET_SERVER": "https://environment",
        "BRANCHFLEET_LANG": "zh",
    }
    found = settings.load({"server": "https://flag", "lang": None}, environment)
    assert (found.server, found.lang, found.theme, found.marks) == ("https://flag", "zh", "light", "auto")


@pytest.mark.parametrize(
    ("text", "flags", "said"),
    [
        ("langu = 'en'", {}, "{file}：没有 langu 这个设置项，是不是 lang？"),
        ("lang = 'fr'", {}, "{file}：lang 只能是以下之一：zh, en"),
        ("ca = 3", {}, "{file}：ca 应为加引号的文字"),
        ("", {"lang": "fr"}, "--lang：lang 只能是以下之一：zh, en"),
        ("", {"server": "10.1.0.5"}, "--server：'10.1.0.5' 不是服务器地址，应像 https://127.0.0.1:8088"),
        ("", {"server": "https://a:80880"}, "--server：'https://a:80880' 不是服务器地址，应像 https://127.0.0.1:8088"),
        ("", {"server": "https://1..1"}, "--server：'https://1..1' 不是服务器地址，应像 https://127.0.0.1:8088"),
        ("", {"server": "https://:8088"}, "--server：'https://:8088' 不是服务器地址，应像 https://127.0.0.1:8088"),
        ("lang = ", {}, '{file} 从第 1 行起看不懂。设置应写成这样：server = "https://127.0.0.1:8088"'),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_place(
    tmp_path: Path, text: str, flags: dict[str, str | None], said: str
) -> None:
    file = tmp_path / "console.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadSettings) as told:
        settings.load(flags, {"BRANCHFLEET_CONFIG": str(tmp_path)})
    assert str(told.value) == said.format(file=file)


def test_a_settings_file_that_cannot_be_read_is_said_in_chinese(tmp_path: Path) -> None:
    (tmp_path / "console.toml").mkdir()
    with pytest.raises(BadSettings, match="读不出来：它是一个文件夹，不是文件"):
        settings.load({}, {"BRANCHFLEET_CONFIG": str(tmp_path)})


def test_the_kept_sign_in_is_its_owners_alone_and_for_one_server(tmp_path: Path) -> None:
    path = token.keep(tmp_path / "new", Kept("http://a", "li", "bfs_secret"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert token.kept(tmp_path / "new", "http://a") == Kept("http://a", "li", "bfs_secret")
    assert token.kept(tmp_path / "new", "http://b") is None
    token.forget(tmp_path / "new")
    assert token.kept(tmp_path / "new", "http://a") is None


def test_a_kept_sign_in_that_cannot_be_read_is_none(tmp_path: Path) -> None:
    (tmp_path / "token.json").write_text('{"server": 1', encoding="utf-8")
    assert token.kept(tmp_path, "http://a") is None


def test_what_was_not_read_is_told_by_its_name_and_a_library_is_not_taken_for_its_product() -> None:
    speak("zh")
    names = [name.replace(".N.", ".1.") for topic in NAMES.values() for name in topic]
    assert [name for name in names if title_of(name).isascii() and name != "macs"] == ["smb1.server"]  # SMB1, MAC
    assert [title_of(name) for name in ("av.", "av.1.library_at", "av.2.realtime", "os.edition")] == [
        "杀毒软件", "病毒库", "实时防护", "系统版本类型",
    ]  # fmt: skip


def test_keys_have_the_names_that_stand_on_them() -> None:
    speak("zh")
    assert [key_name(key) for key in ("space", "tab", "f8", "ctrl+q", "slash", "escape")] == [
        "空格", "Tab", "F8", "Ctrl+Q", "/", "Esc",
    ]  # fmt: skip
