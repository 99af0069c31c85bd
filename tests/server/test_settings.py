"""Where a setting comes from, and what is said of one that cannot be."""

from pathlib import Path

import pytest

from server.settings import SettingsError, database_url, default_home, load


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
    ("text", "says"),
    [
        ("prot = 1", "there is no setting prot. Did you mean port?"),
        ("colour = 1", "there is no setting colour. The settings are: host, port"),
        ("port = 70000", "port: must be 65535 at most."),
        ("port = [", "is not TOML"),
        ('database = "mysql://x"', "database: String should match"),
        ('lang = "fr"', "lang: Input should be 'zh' or 'en'."),
    ],
)
def test_what_cannot_be_is_one_sentence_with_its_file(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(write(tmp_path, text), environ={})
    assert says in str(caught.value)
    assert "server.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


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
