"""What is wrong with a TOML file is one sentence with its place, in the reader's language."""

from typing import Annotated

import msgspec
import pytest

from server.texts import gettext_for
from server.toml import BadToml, convert, loads


class Said(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    many: list[int] = []
    pattern: Annotated[str, msgspec.Meta(pattern="^a$")] = "a"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\nb = 1 1", "第 2 行第 7 列：值的后面多出了内容"),
        ("a = “x”", "第 1 行第 5 列：“ 是在中文输入法下输入的，请改成英文半角"),
        ("a = 1 1 # 注意：", "第 1 行第 7 列：值的后面多出了内容"),
        ("a = ", "文件末尾：缺少值或写法不对：文字要加引号"),
        ("a = {b = 1", "文件末尾：缺少右括号 }"),
        ("[a]\n[a]", "第 2 行第 3 列：同一个表写了两次"),
        ('a = "\\q"', "第 1 行第 8 列：反斜杠要写成 \\\\，或把文字放在单引号里"),
        ("a = " + "[" * 5_000, "括号嵌套过深"),
    ],
)
def test_what_is_no_toml_says_where_and_what_to_write(text: str, said: str) -> None:
    with pytest.raises(BadToml) as bad:
        loads(text)
    assert bad.value.say(gettext_for("zh")) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nam = 'x'", "没有 nam 这个键"),
        ("many = []", "缺少 name"),
        ("name = 5", "name：要写成文字"),
        ("name = 'x'\nmany = ['x']", "many[0]：应为整数"),
        ("name = 'x'\npattern = 'b'", "pattern：不是合适的值"),
    ],
)
def test_what_does_not_fit_names_its_key(text: str, said: str) -> None:
    with pytest.raises(BadToml) as bad:
        convert(loads(text), Said)
    assert bad.value.say(gettext_for("zh")) == said
