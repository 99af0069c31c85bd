"""Where a setting comes from, and what is said of one that cannot be."""

from pathlib import Path

import pytest

from server.settings import SettingsError, database_url, default_home, load
from server.texts import gettext_for


def write(home: Path, text: str) -> Path:
    (home / "server.toml").write_text(text, encoding="utf-8")
    return home


def test_a_flag_goes_before_the_environment_before_the_file_before_the_default(tmp_path: Path) -> None:
    assert load(tmp_path, environ={}).port == 8088
    home = write(tmp_path, "port = 1001\nsession_hours = 8\n")
    assert load(home, environ={}).port == 1001
    assert load(home, environ={"BRANCHFLEET_PORT": "1002"}).port == 1002
    settings = load(home, {"port": 1003, "host": None}, {"BRANCHFLEET_PORT": "1002"})
    assert (settings.port, settings.host, settings.session_hours) == (1003, "127.0.0.1", 8)


@pytest.mark.parametrize(
    ("text", "english", "chinese"),
    [
        (
            "prot = 1",
            "{file}: there is no setting prot. Did you mean port?",
            "{file}：没有设置项 prot，是否应为 port？",
        ),
        ("port = 70000", "{file}: port: must be 65535 at most.", "{file}：port：最大为 65535。"),
        ("connections = 1", "{file}: connections: must be 16 at least.", "{file}：connections：最小为 16。"),
        ('port = "many"', "{file}: port: must be a whole number.", "{file}：port：应为整数。"),
        ("tls = 7", "{file}: tls: must be true or false.", "{file}：tls：应为 true 或 false。"),
        ("host = 7", "{file}: host: must be text.", "{file}：host：应为文字。"),
        ("certificate = 7", "{file}: certificate: must be a path.", "{file}：certificate：应为文件路径。"),
        ("names = 7", "{file}: names: must be a list.", "{file}：names：应为列表。"),
        (
            'database = "mysql://root:secret@x"',
            "{file}: database: must begin with sqlite:/// or postgresql://.",
            "{file}：database：应以 sqlite:/// 或 postgresql:// 开头。",
        ),
        ('lang = "fr"', "{file}: lang: must be one of: zh, en.", "{file}：lang：可以是：zh, en。"),
        (
            "# 端口\nport 1",
            "{file}:2: is not TOML: Expected '=' after a key in a key/value pair.",
            "{file}:2：不是有效的 TOML：名称后面缺少 =。",
        ),
        (
            "port = 1\nport = 2",
            "{file}:2: is not TOML: Cannot overwrite a value.",
            "{file}:2：不是有效的 TOML：同一项写了两次。",
        ),
    ],
)
def test_what_cannot_be_is_one_sentence_with_its_file(tmp_path: Path, text: str, english: str, chinese: str) -> None:
    home = write(tmp_path, text)
    with pytest.raises(SettingsError) as caught:
        load(home, environ={})
    file = home / "server.toml"
    assert str(caught.value) == english.format(file=file)
    assert caught.value.say(gettext_for("zh")) == chinese.format(file=file)


def test_all_settings_there_are_are_told_where_none_is_near(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"there is no setting colour\. The settings are: host, port"):
        load(write(tmp_path, "colour = 1"), environ={})


def test_notepads_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_bytes(b"\xef\xbb\xbfport = 1001")
    assert load(tmp_path, environ={}).port == 1001


def test_the_sentence_names_where_a_wrong_value_came_from(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^BRANCHFLEET_PORT: port: "):
        load(tmp_path, environ={"BRANCHFLEET_PORT": "many"})
    with pytest.raises(SettingsError, match=r"^--port: port: "):
        load(tmp_path, {"port": 0}, environ={})


def test_settings_in_another_encoding_are_told_so(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_bytes("# 端口\nport = 1\n".encode("gbk"))
    with pytest.raises(SettingsError, match="is not UTF-8"):
        load(tmp_path, environ={})


def test_a_plain_postgresql_url_gets_the_driver_we_ship(tmp_path: Path) -> None:
    home = write(tmp_path, 'database = "postgresql://me@db/bank"\n')
    assert database_url(home, load(home, environ={})) == "postgresql+psycopg://me@db/bank"
    (home / "server.toml").unlink()
    assert database_url(home, load(home, environ={})) == f"sqlite:///{tmp_path / 'branchfleet.db'}"


def test_the_home_is_where_it_is_said_to_be() -> None:
    assert default_home({"BRANCHFLEET_HOME": "/srv/bf"}) == Path("/srv/bf")
    assert default_home({"XDG_DATA_HOME": "/data"}) == Path("/data/branchfleet/server")
