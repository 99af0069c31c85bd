"""Coming in, being sent out, and a server that goes away."""

from collections.abc import Awaitable, Callable
from typing import Any

from textual.events import Key
from textual.pilot import Pilot
from textual.widgets import Input

from server.schemas.people import Role
from tui.app import ConsoleApp
from tui.screens.home_branch import BranchHome
from tui.screens.home_head import HeadHome
from tui.screens.sign_in import NewPassword, SignIn

MakeConsole = Callable[..., ConsoleApp]
Until = Callable[[Pilot[Any], Callable[[], object]], Awaitable[None]]
Text = Callable[[Pilot[Any]], str]


async def test_a_first_password_is_changed_before_anything_else(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    password = bank.person("wang", Role.BRANCH, ["1001"])
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        await pilot.press(*"wang", "enter", *password, "enter")
        await until(pilot, lambda: isinstance(app.screen, NewPassword))
        await pilot.press(*"short", "enter", *"short", "enter")
        await until(pilot, lambda: "至少 10 个字符。" in text(pilot))
        for _key in range(5):
            await pilot.press("backspace")
        await pilot.press(*"long-enough-1", "up")
        for _key in range(5):
            await pilot.press("backspace")
        await pilot.press(*"long-enough-1", "enter")
        await until(pilot, lambda: isinstance(app.screen, BranchHome))
        await until(pilot, lambda: "wang (网点管理员)" in text(pilot))


async def test_who_has_the_form_filled_in_at_once_never_reads_the_password(
    bank: Any, console: MakeConsole, until: Until
) -> None:
    """A program that types does not wait until the next field has the cursor."""
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        for key in (*"wang", "tab", *"secret"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        fields = app.screen.query(Input)
        await until(pilot, lambda: [field.value for field in fields] == ["wang", "secret"])
        assert [field.password for field in fields] == [False, True]


async def test_a_wrong_password_is_said_and_the_name_stays(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    bank.person("wang", Role.BRANCH, ["1001"])
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        await pilot.press(*"wang", "enter", *"not it", "enter")
        await until(pilot, lambda: "用户名或密码错误" in text(pilot))
        assert "wang" in text(pilot)
        assert isinstance(app.screen, SignIn)


async def test_a_server_that_is_away_is_named_at_the_door(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    bank.close()
    app = console()
    async with app.run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        await pilot.press(*"wang", "enter", *"long-enough-1", "enter")
        await until(pilot, lambda: "没有应答" in text(pilot))


async def test_while_the_server_is_away_the_last_rows_stay_and_their_age_is_told(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "钞空" in text(pilot) and "● 数据更新于" in text(pilot))
        bank.close()
        await until(pilot, lambda: "■ 服务器无应答，显示的是" in text(pilot))
        assert "钞空" in text(pilot)
        await pilot.press("f5")
        assert "钞空" in text(pilot)
        bank.open()
        await until(pilot, lambda: "● 数据更新于" in text(pilot))


async def test_a_sign_in_that_ended_leads_back_to_the_door(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    token = bank.token("li", Role.HEAD)
    app = console(token)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, HeadHome) and "钞空" in text(pilot))
        bank.forget(token)
        await pilot.press("2")
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        assert app.person is None


async def test_signing_out_leaves_nothing_for_the_next_person(
    bank: Any, console: MakeConsole, until: Until, text: Text
) -> None:
    app = console(bank.token("li", Role.HEAD))
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, HeadHome) and "钞空" in text(pilot))
        await pilot.press("2", "f9", *"tcdl", "enter")
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        assert app.client.token is None
        assert "钞空" not in text(pilot)


async def test_keys_that_come_all_at_once_land_where_they_were_meant(
    bank: Any, console: MakeConsole, until: Until
) -> None:
    password = bank.person("wang", Role.BRANCH, ["1001"])
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        for key in [*"wang", "enter", *(_KEYS.get(letter, letter) for letter in password), "enter"]:
            app.post_message(Key(key, key if len(key) == 1 else {"minus": "-", "enter": "\r"}[key]))
        await until(pilot, lambda: isinstance(app.screen, NewPassword))


async def test_leaving_while_a_form_is_still_being_put_up_is_no_defect(console: MakeConsole, until: Until) -> None:
    app = console()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, SignIn))
        form = NewPassword("said", "old")
        form.on_mount()
        form.say("nobody hears it")
        app.push_screen(form)
    assert app.return_code in (None, 0)


_KEYS = {"-": "minus"}
