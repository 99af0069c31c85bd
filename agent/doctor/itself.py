"""The agent itself: does it run, will it after the next boot, in which version, and who may read its files."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

from agent.doctor.finding import Finding, Text, Word, span
from agent.doctor.mends import MAKE_ROOM
from agent.doctor.patient import WINDOWS, Patient
from agent.run import own_version
from agent.service.files import TASK
from agent.service.install import NAME

RUNNING = Text("采集程序", "agent")
SERVICE = Text("开机自启", "service")
FILES = Text("文件权限", "files")
ASK_SECONDS = 10.0
AS_OWNER = Text("用采集程序的用户或管理员身份再查。", "Look again as the agent's user or an administrator.")


def look(patient: Patient) -> list[Finding]:
    return [_running(patient), _service(), *_files(patient)]


def _running(patient: Patient) -> Finding:
    here, live = own_version(), patient.live
    facts: dict[str, object] = {"version": here, "python": sys.version.split()[0], "home": str(patient.home)}
    if not patient.running:
        last = patient.status
        ago = span(patient.now.wall - last.at.wall) if last is not None else None
        said = Text(
            "没有在运行" + (f"，{ago.zh}前还在。" if ago else "。"),
            "it is not running" + (f"; it was {ago.en} ago." if ago else "."),
        )
        mend = Text(
            "启动服务（Linux：systemctl start branchfleet-agent；Windows：schtasks /Run /TN Branchfleet\\agent）。",
            "Start it (Linux: systemctl start branchfleet-agent; Windows: schtasks /Run /TN Branchfleet\\agent).",
        )
        return Finding(noun=RUNNING, word=Word.WRONG, said=said, mend=mend, facts=facts)
    restart = Text("重新启动采集程序的服务，或重启电脑。", "Restart its service, or the PC.")
    if live is None and patient.disk.full:
        said = Text("在运行，但磁盘已满，写不了状态文件。", "it runs; on the full disk it cannot say how it stands.")
        return Finding(noun=RUNNING, word=Word.HEED, said=said, mend=MAKE_ROOM, facts=facts)
    if live is None:
        said = Text(
            "在运行，但三分钟没有更新状态文件，可能卡住了。",
            "it runs and has not said how it stands for three minutes: it may hang.",
        )
        return Finding(noun=RUNNING, word=Word.HEED, said=said, mend=restart, facts=facts)
    up = span(patient.now.wall - live.started)
    facts |= {"pid": live.pid, "running_version": live.version}
    said = Text(f"在运行，版本 {live.version}，已运行 {up.zh}。", f"version {live.version}, runs for {up.en}.")
    if live.version != here:
        newer = Text(f"{said.zh}电脑上装的是 {here}。", f"{said.en} Installed is {here}.")
        return Finding(noun=RUNNING, word=Word.HEED, said=newer, mend=restart, facts=facts)
    return Finding(noun=RUNNING, word=Word.WELL, said=said, facts=facts)


def _service() -> Finding:
    if WINDOWS:
        asked = ["schtasks", "/Query", "/TN", TASK]
    elif Path("/run/systemd/system").exists() and shutil.which("systemctl"):
        asked = ["systemctl", "is-enabled", "--quiet", NAME]
    else:
        return Finding(
            noun=SERVICE,
            word=Word.UNSEEN,
            said=Text("本机没有 systemd，看不到开机自启。", "There is no systemd here to ask."),
            mend=Text(
                "确认有别的办法让采集程序随开机启动。",
                "Make sure that something else starts the agent with the machine.",
            ),
        )
    try:
        installed = subprocess.run(asked, capture_output=True, timeout=ASK_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired) as error:
        said = Text(f"查不到：{type(error).__name__}。", f"It cannot be asked: {type(error).__name__}.")
        return Finding(noun=SERVICE, word=Word.UNSEEN, said=said, mend=Text("过一会儿再查。", "Look again later."))
    if installed:
        return Finding(noun=SERVICE, word=Word.WELL, said=Text("已设置。", "It starts with the PC."))
    return Finding(
        noun=SERVICE,
        word=Word.WRONG,
        said=Text("没有设置，电脑重启后不会自己运行。", "It does not start with the PC."),
        mend=Text(
            "以管理员身份运行：branchfleet-agent service install。",
            "As an administrator: branchfleet-agent service install.",
        ),
    )


def _files(patient: Patient) -> list[Finding]:
    """Nobody but the agent's user may read its folder, and all in it must be that user's. Windows keeps both itself.

    The folder the PC's people read and write is theirs too.
    """
    home = patient.home
    local = patient.settings.local_folder if patient.settings is not None else home / "local"
    if WINDOWS or not home.exists():
        return []
    owner = home.stat().st_uid
    open_ones, foreign = [], []
    for path in [home, *sorted(home.rglob("*"))]:
        if path == local or local in path.parents:
            continue
        found = path.lstat()
        if found.st_mode & 0o077 and not stat.S_ISLNK(found.st_mode):
            open_ones.append(path.name)
        if found.st_uid != owner:
            foreign.append(path.name)
    findings = []
    if open_ones:
        names = "、".join(open_ones[:5])
        said = Text(f"别人能读到：{names}。", f"Others may read: {', '.join(open_ones[:5])}.")
        mend = Text(f"运行 chmod -R go= {home}。", f"chmod -R go= {home}")
        findings.append(Finding(noun=FILES, word=Word.WRONG, said=said, mend=mend, facts={"open": open_ones}))
    if foreign:
        said = Text(
            f"属于别的用户，采集程序可能写不了：{'、'.join(foreign[:5])}。",
            f"These belong to another user, so the agent may not write them: {', '.join(foreign[:5])}.",
        )
        mend = Text(f"运行 chown -R {owner} {home}。", f"chown -R {owner} {home}")
        findings.append(Finding(noun=FILES, word=Word.WRONG, said=said, mend=mend, facts={"foreign": foreign}))
    well = Text("只有采集程序的用户能读写。", "They are the agent's user's alone.")
    if not os.access(home, os.R_OK | os.X_OK):
        return [
            Finding(noun=FILES, word=Word.UNSEEN, said=Text("没有权限查看。", "This user may not look."), mend=AS_OWNER)
        ]
    return findings or [Finding(noun=FILES, word=Word.WELL, said=well)]
