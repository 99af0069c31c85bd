"""The command `branchfleet-agent`. Standard output is data, standard error narrates, exit codes are in `exit.py`."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer
from typer.core import TyperCommand

from agent import ask, secrets, show
from agent.exit import Exit, Trouble
from agent.main import main as main
from agent.main import run_here
from agent.main import say as _say
from agent.ports import card_readers, serial_ports
from agent.settings import find_home
from agent.texts import _
from agent.wire import catalogue

app = typer.Typer(
    help="The program on a branch PC: it polls devices and sends what they say to the centre.\n\n"
    "Example: branchfleet-agent run",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)

service = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="The agent as a service that starts with the PC."
)
app.add_typer(service, name="service")

Home = Annotated[
    Path | None, typer.Option(help="The agent's folder; else BRANCHFLEET_AGENT_HOME, else the system's place for it.")
]
Lang = Annotated[Literal["zh", "en"], typer.Option(help="zh or en.", envvar="BRANCHFLEET_LANG")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]


@app.command()
def run(
    home: Home = None,
    server: Annotated[str | None, typer.Option(help="The server's address, instead of the one set up.")] = None,
) -> None:
    """Poll and send, until stopped by SIGTERM, Ctrl-C or Ctrl-Break.

    Example: branchfleet-agent run --home /var/lib/branchfleet-agent
    """
    raise typer.Exit(run_here(home, server))


@app.command("enroll")
def enroll_(
    server: Annotated[str, typer.Argument(help="The server's address, like https://10.66.0.10:8088.")],
    code: Annotated[str, typer.Argument(help="The one-time code head office made; - reads it from standard input.")],
    lang: Lang = "zh",
    home: Home = None,
) -> None:
    """Make this PC the agent a one-time code was made for. Say it again if anything ended it half way.

    Example: branchfleet-agent enroll https://10.66.0.10:8088 K7QM-4XWP9R-TDH3VN-CG8E2B
    """
    from agent.link.enroll import enroll

    folder = find_home(home, os.environ)
    typed = _typed_code(lang) if code == "-" else code
    secrets.of_this_run().learn(typed.strip())
    enrolled = enroll(server, typed, folder, lang)
    agent = enrolled.agent
    if enrolled.waiting:
        zh = f"{agent} 已有一台电脑：请总行确认换成这台（采集程序页面，或 branchfleet-server agent confirm {agent}）。"
        en = (
            f"{agent} has a key already: head office has to confirm this PC, on its screen or by "
            f"`branchfleet-server agent confirm {agent}`. Until then the agent keeps what it sees."
        )
        _say(f"{zh}确认之前，采到的记录保存在本机。" if lang == "zh" else en)
    zh = f"登记成功：本机是 {agent}，密钥在 {folder}。启动采集：branchfleet-agent run"
    en = f"This PC is {agent}; its key is in {folder}. Start it with: branchfleet-agent run"
    _say(zh if lang == "zh" else en)


@app.command()
def poll(
    position: Annotated[str, typer.Argument(help="Which one, like 1001/passbook-1 or 1001/line/main.")],
    inventory: Annotated[
        Path | None, typer.Option(help="An inventory file or folder to take it from: no server is needed.")
    ] = None,
    as_json: Json = False,
    lang: Lang = "zh",
    home: Home = None,
) -> None:
    """Poll one position now and show what it says. The exit code tells how it went.

    Example: branchfleet-agent poll 1001/passbook-1 --inventory inventory.toml
    """
    if inventory is not None:
        polled = ask.from_inventory(inventory, position, ask.ask_person)
    else:
        polled = ask.from_assignment(find_home(home, os.environ), position)
    seen, took = ask.poll_once(polled)
    code = show.code_of(seen)
    if as_json:
        _print_json(show.as_json(polled, seen, took))
    else:
        for line in show.lines(polled, seen, catalogue(), lang):
            typer.echo(line)
    if code is not Exit.DONE:
        _say(code.zh if lang == "zh" else code.sentence)
    raise typer.Exit(code)


@app.command()
def ports(as_json: Json = False) -> None:
    """List the serial ports and card readers of this PC. None of them is opened.

    Example: branchfleet-agent ports --json
    """
    found, readers = serial_ports(), card_readers()
    if as_json:
        _print_json({"serial": msgspec.to_builtins(found), "readers": readers.addresses})
    for port in [] if as_json else found:
        typer.echo("  ".join(filter(None, (port.address, port.name, port.maker, port.usb, port.serial))))
    for address in [] if as_json else readers.addresses:
        typer.echo(address)
    if not found:
        _say(_("There is no serial port."))
    if readers.note:
        _say(_("Card readers cannot be seen: {why}.").format(why=readers.note))


@app.command()
def doctor(
    as_json: Json = False,
    lang: Lang = "zh",
    home: Home = None,
) -> None:
    """Look whether all is well on this PC, and say how to mend what is not. No device is asked.

    It may be run beside a running agent, best as the same user. The exit code is 0 only if all was seen and is well.

    Example: branchfleet-agent doctor --home /var/lib/branchfleet-agent
    """
    from agent.doctor import command

    found = command.examine(find_home(home, os.environ), lang)
    hide = secrets.of_this_run().hide
    if as_json:
        typer.echo(hide(json.dumps(command.as_json(found, lang), ensure_ascii=False, indent=2)))
    else:
        for line in command.lines(found, lang):
            typer.echo(hide(line))
    raise typer.Exit(Exit.DONE if command.all_well(found) else Exit.UNWELL)


@app.command()
def discover(
    ranges: Annotated[
        list[str] | None,
        typer.Option(
            "--range", help="Addresses to ask: 10.66.1.0/24, 10.66.1.10-90 or 10.66.1.7:1161; again for more."
        ),
    ] = None,
    community: Annotated[
        list[str] | None,
        typer.Option(
            help="An SNMP community to try, else public; better secret:NAME, which is asked for; again for more."
        ),
    ] = None,
    ask_by: Annotated[
        list[str] | None,
        typer.Option(
            "--ask",
            help="Ask by this driver alone, with options: snmp,version=3,user=watcher,auth=SHA,auth_password=secret:w",
        ),
    ] = None,
    serial: Annotated[
        list[str] | None,
        typer.Option(help="Ask a serial port as what you know is there: COM3=card_reader/crt,model=crt-310"),
    ] = None,
    inventory: Annotated[
        Path | None, typer.Option(help="An inventory that is there already: what it polls is left out.")
    ] = None,
    branch: Annotated[str | None, typer.Option(help="The branch this is, by its key, where there are several.")] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Questions a second, over the whole network.")] = 50.0,
    as_json: Json = False,
    home: Home = None,
) -> None:
    """Look around, and print positions for an inventory. Ctrl-C ends it with what was found so far.

    No serial port is asked unless you say what is there: no question is harmless to every device.

    Example: branchfleet-agent discover --range 10.66.1.0/24 --community secret:net-ro --inventory inventory.toml
    """
    from agent.discover import command
    from agent.typed import Bad

    wanted = command.Wanted(
        ranges or [], community or [], ask_by or [], serial or [], inventory, branch, rate, find_home(home, os.environ)
    )
    try:
        outcome = command.discover(wanted, ask.ask_person, _say)
    except Bad as bad:
        raise Trouble(Exit.BAD_INPUT, str(bad)) from bad
    if as_json:
        _print_json(outcome.as_json())
    else:
        typer.echo(outcome.as_toml(), nl=False)
    raise typer.Exit(Exit.STOPPED if outcome.stopped else Exit.DONE)


class WithParts(TyperCommand):
    """A help that ends with what can be set in each simulator, as the simulators themselves have it."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        from agent.simulate import drivers, settable

        super().format_epilog(ctx, formatter)
        for driver in drivers():
            with formatter.section(_("Parts of {driver}").format(driver=driver)):
                for line in settable(driver, {}):
                    formatter.write_text(line)


@app.command(cls=WithParts)
def simulate(
    driver: Annotated[str, typer.Argument(help="Which driver's device, like passbook or snmp.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="PART=WORD or NUMBER=VALUE, like paper=out; may be said again.")
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", help="KEY=VALUE: an option of the driver or the simulator; may be said again."),
    ] = None,
    fault: Annotated[str, typer.Option(help="What goes wrong: none, silent, slow, half, garbage or hang-up.")] = "none",
    port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="The port to answer at, else any; of a serial device, by TCP.")
    ] = None,
    parts: Annotated[
        bool, typer.Option("--parts", help="List what can be set in it, with these options, and end.")
    ] = False,
) -> None:
    """Be a device to try a driver on. The address is printed; lines typed while it runs change it: "help" says which.

    Example: branchfleet-agent simulate passbook --set paper=out
    """
    from agent import simulate as hand
    from agent.typed import Bad, pairs, value_of

    try:
        if parts:
            hand.known_driver(driver)
            for line in hand.settable(driver, {key: value_of(value) for key, value in pairs(options or []).items()}):
                typer.echo(line)
            return
        asked_for = hand.wanted(driver, sets or [], options or [], port)
        hand.simulate(asked_for, fault, typer.echo, _say)
    except Bad as bad:
        raise Trouble(Exit.BAD_INPUT, str(bad)) from bad


Root = Annotated[Path | None, typer.Option(help="Write below this folder and start nothing: for an image.")]


@service.command("show")
def service_show() -> None:
    """Print the systemd unit, or on Windows the scheduler's task, for this installation.

    Example: branchfleet-agent service show
    """
    from agent.service.install import shown

    typer.echo(shown(), nl=False)


@service.command("install")
def service_install(
    root: Root = None,
    logon: Annotated[
        bool, typer.Option("--at-logon", help="On Windows without administrator rights: start at this user's log-on.")
    ] = False,
) -> None:
    """Make the service, which starts with the machine; now too, if the agent is set up in the service's folder.

    Example: branchfleet-agent service install
    """
    from agent.service.install import install

    install(_say, root=root, logon=logon)


@service.command("remove")
def service_remove(root: Root = None) -> None:
    """Stop the service and remove it. The agent's folder and what it still holds stay.

    Example: branchfleet-agent service remove
    """
    from agent.service.install import remove

    remove(_say, root=root)


def _typed_code(lang: str) -> str:
    try:
        return ask.ask_person("登记码" if lang == "zh" else "code")
    except Trouble as trouble:
        raise Trouble(
            Exit.BAD_INPUT,
            "No code was given: type it, or give it as a line of standard input.",
            "没有收到登记码：请输入登记码，或从标准输入给出一行。",
        ) from trouble


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=2))


if __name__ == "__main__":
    main()
