"""Every position of the assignment: its driver, its options, its port, and how its newest poll went.

No device is asked here: a look must not disturb what a teller is doing. `branchfleet-agent poll` asks one.
"""

import os
import re

from agent.assignment import Target
from agent.doctor.finding import Finding, Text, Word, span
from agent.doctor.mends import AGAIN, MAKE_ROOM, mend_of
from agent.doctor.patient import WINDOWS, Patient
from agent.ports import serial_ports
from agent.status import Looked
from agent.wire import DeviceWord, catalogue

NOUN = Text("设备", "devices")
_COM = re.compile(r"(?:\\\\\.\\)?(COM\d+)", re.IGNORECASE)
# These say that nothing has to be done at this PC: the teller's program works, or a poll is not over yet.
_CALM = {"portInUse"}


def look(patient: Patient) -> list[Finding]:
    if not patient.assigned:
        said = Text(
            "本机还没有从服务器得到要查的设备，看不到。", "The server has not told yet what to poll: they are not seen."
        )
        return [Finding(noun=NOUN, word=Word.UNSEEN, said=said, mend=AGAIN)]
    if not patient.targets:
        said = Text("没有分配给本机的设备。", "This agent has nothing to poll.")
        mend = Text("请总行科技在配置清单里把设备分给本机。", "Head office names this agent in the inventory.")
        return [Finding(noun=NOUN, word=Word.HEED, said=said, mend=mend)]
    seen, unseen = [], []
    for position, target in sorted(patient.targets.items()):
        finding = _one(patient, target)
        if finding is not None:
            seen.append(finding)
        else:
            unseen.append(position)
    return [*seen, *([_unseen(patient, unseen)] if unseen else [])]


def _one(patient: Patient, target: Target) -> Finding | None:
    """None: nobody knows how it is, and nothing that can be seen from here is wrong with it."""
    polled = target.polled
    noun = Text(f"{polled.position} {polled.name}".strip(), polled.position)
    facts: dict[str, object] = {"driver": polled.driver, "address": polled.address}
    if target.failure is not None:  # wrong driver, address or options: it is never polled
        return _failed(noun, target.failure.reason, target.failure.detail, facts)
    live = patient.live
    looked = live.looked.get(polled.position) if live is not None else None
    if looked is None or patient.now.wall - looked.at > max(3 * polled.interval, 60.0) * 1_000_000:
        return _port(noun, polled.address, facts)
    facts |= {"polled": looked.at, "device": looked.device, "reason": looked.reason}
    if looked.reason and looked.reason not in _CALM:
        return _failed(noun, looked.reason, looked.detail, facts)
    return _answering(patient, noun, looked, facts)


def _answering(patient: Patient, noun: Text, looked: Looked, facts: dict[str, object]) -> Finding:
    """The device was asked and nothing is wrong with the way to it; what it says of itself is not always good."""
    ago, word = span(patient.now.wall - looked.at), catalogue().device.get(DeviceWord(looked.device))
    zh, en = looked.gravest.zh or (word.zh if word else looked.device), looked.gravest.en or looked.device
    note = f"（{looked.detail}）" if looked.detail else ""
    said = Text(f"{ago.zh}前查过：{zh}{note}。", f"polled {ago.en} ago: {en}{f' ({looked.detail})' if note else ''}.")
    how, mend = _STANDINGS.get(looked.standing, _STANDINGS["unknown"])
    return Finding(noun=noun, word=how, said=said, mend=mend, facts={**facts, "standing": looked.standing})


_STANDINGS: dict[str, tuple[Word, Text | None]] = {
    "good": (Word.WELL, None),
    "attention": (
        Word.HEED,
        Text("按这一行补充或处理；处理不了就报修。", "See to what the line names; if you cannot, report it."),
    ),
    "fault": (
        Word.WRONG,
        Text(
            "到设备跟前按这一行处理（缺纸、卡纸、断电、未盖好）；处理不了就在系统里报修。",
            "Go to the device and mend what the line names (paper, a jam, power, a cover); if you cannot, report it.",
        ),
    ),
    "inUse": (Word.UNSEEN, mend_of("portInUse").step),
    "unknown": (
        Word.UNSEEN,
        Text(
            "设备有应答，但没有说自己好不好：到跟前看一眼，再把这一行读给总行科技。",
            "It answers and does not say how it is: look at it yourself, and read this line to head office.",
        ),
    ),
}


def _failed(noun: Text, reason: str, detail: str, facts: dict[str, object]) -> Finding:
    """`detail` is what the driver says, which speaks English alone: in Chinese it is quoted, for head office."""
    said = Text(f"{mend_of(reason).what.zh}（驱动报告：{detail}）。", f"{mend_of(reason).what.en}: {detail}.")
    return Finding(noun=noun, word=Word.WRONG, said=said, mend=mend_of(reason).step, facts={**facts, "reason": reason})


def _unseen(patient: Patient, positions: list[str]) -> Finding:
    """One line for all: a page of them says no more."""
    few = "、".join(positions[:5]) + ("等" if len(positions) > 5 else "")
    few_en = ", ".join(positions[:5]) + (" and more" if len(positions) > 5 else "")
    mend = AGAIN
    if patient.live is not None:
        why = Text("采集程序最近没有查到", "the agent has not polled them lately")
    elif patient.running and patient.disk.full:
        why = Text("磁盘已满，采集程序写不了状态文件", "the disk is full, and the agent cannot write how they are")
        mend = MAKE_ROOM
    elif patient.running:
        why = Text("采集程序在运行，但没有新的状态文件", "the running agent has not said lately how they are")
        mend = Text("三分钟后再查；还是这样就重新启动采集程序。", "Look again in three minutes, then restart it.")
    else:
        why = Text("采集程序没有在运行，或没有说明情况，不知道它们怎样", "the agent does not say how they are")
    said = Text(f"{len(positions)} 台，{why.zh}：{few}。", f"{len(positions)}: {why.en}: {few_en}.")
    return Finding(noun=NOUN, word=Word.UNSEEN, said=said, mend=mend, facts={"positions": positions})


def _port(noun: Text, address: str, facts: dict[str, object]) -> Finding | None:
    """What can be seen of a serial port without opening it; None where nothing is wrong or it is no serial port."""
    com = _COM.fullmatch(address)
    if com is None and not address.startswith("/dev/"):
        return None
    there = com[1].upper() in {port.address.upper() for port in serial_ports()} if com else os.path.exists(address)
    if not there:
        return _failed(noun, "noSuchPort", address, facts)
    if not WINDOWS and not os.access(address, os.R_OK | os.W_OK):
        return _failed(noun, "noPermission", address, facts)
    return None
