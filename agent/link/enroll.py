"""Enrolling: the server shows that it knows the code, its CA is pinned, and this PC's key becomes the agent's.

Whatever ends this half way, the folder has no identity or a whole one, and the same command can be said again: the
key is on the disk before the server hears of it, and the server knows it again.
"""

import asyncio
import errno
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from agent.causes import chinese
from agent.clock import system_clocks
from agent.exit import Exit, Trouble
from agent.files import write_private
from agent.link.errors import LinkError, Rejected
from agent.link.identity import (
    Identity,
    keep_identity,
    keep_instances,
    last_instances,
    load_identity,
    new_key,
    public_of,
    sign,
)
from agent.link.link import open_line
from agent.link.tokens import host_name, post, system_name
from agent.link.trust import Trust, context_for, keep_ca, unproven
from agent.proof import (
    NONCE_BYTES,
    Code,
    WrongCode,
    enrollment_message,
    enrollment_proof,
    introduction_proof,
    read_code,
)
from agent.settings import check_server, make_home
from agent.spool.spool import Spool
from agent.spool.tables import SpoolDamaged, SpoolError, SpoolTaken
from agent.wire import Enrollment, EnrollmentAsk, Introduction, IntroductionAsk

BEGUN = "enrolling.json"
BEFORE = "before"  # the name of the process before, where there was one that never had a token


class _Begun(msgspec.Struct, frozen=True):
    """An enrolment that is under way."""

    code: str
    key: bytes


def enroll(server: str, typed: str, home: Path, lang: str = "zh") -> Enrollment:
    """Make the agent of `home` the one the code is for. Raises Trouble. `lang` is what the server is asked to speak."""
    server = check_server(server)
    try:
        code = read_code(typed)
    except WrongCode as wrong:
        raise Trouble(Exit.BAD_INPUT, str(wrong), wrong.zh) from wrong
    make_home(home)
    try:
        with _nobody_else(home):
            return asyncio.run(_enroll(server, code, home, lang))
    except Rejected as error:
        raise Trouble(Exit.REFUSED, error.sentence, error.zh) from error
    except LinkError as error:
        raise Trouble(Exit.UNREACHABLE, error.sentence, error.zh) from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Trouble(
                Exit.CANNOT_WRITE,
                f"The disk is full: {home} cannot be written. Make room and say the same again.",
                f"磁盘已满，{home} 写不进去。腾出空间后，再运行一次同样的命令。",
            ) from error
        raise Trouble(
            Exit.CANNOT_WRITE, f"{home} cannot be written: {error.strerror}.", f"{home} 写不进去：{chinese(error)}。"
        ) from error


async def _enroll(server: str, code: Code, home: Path, lang: str = "zh") -> Enrollment:
    known = await _introduced(server, code, lang)
    key = _key_for(home, code)
    if known.ca:
        keep_ca(home, known.ca)
    async with open_line(server, context_for(server, Trust(home)), lang) as line:
        ask = EnrollmentAsk(
            code=code.id,
            public_key=public_of(key),
            host=host_name(),
            system=system_name(),
            proof=enrollment_proof(code, public_of(key), host_name(), system_name()),
            signature=sign(key, enrollment_message(code.id, public_of(key))),
        )
        enrolled = await post(line, "/api/agent/enrollment", ask, Enrollment)
    if (home / "spool.db").exists() and last_instances(home) == ("", []):
        keep_instances(home, BEFORE)  # what the spool holds was numbered by another, and goes out under new numbers
    identity = Identity(
        server=server, name=known.server, agent=enrolled.agent, code=code.id, key=key, waiting=enrolled.waiting
    )
    keep_identity(home, identity)
    (home / BEGUN).unlink(missing_ok=True)
    return enrolled


async def _introduced(server: str, code: Code, lang: str) -> Introduction:
    """The server's name and CA, once it has shown that it knows the code."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    async with open_line(server, unproven(), lang) as line:
        said = await post(line, "/api/agent/introduction", IntroductionAsk(code.id, nonce), Introduction)
    if not secrets.compare_digest(said.proof, introduction_proof(code, nonce, said.server, said.ca)):
        raise Trouble(
            Exit.REFUSED,
            f"What answers at {server} does not know this code. Read the code again; if it is right, this is not the "
            "server that made it, and nothing was sent to it or kept.",
            f"在 {server} 应答的服务器不认识这个登记码。请重新核对登记码；核对无误，就不是发码的那台服务器，"
            "本机没有向它发送、也没有保存任何内容。",
        )
    return said


def _key_for(home: Path, code: Code) -> bytes:
    """The key this code was tried with before, or a new one, on the disk."""
    with suppress(Trouble):  # a damaged one is what enrolling mends
        identity = load_identity(home)
        if identity is not None and identity.code == code.id:
            return identity.key
    try:
        begun = msgspec.json.decode((home / BEGUN).read_bytes(), type=_Begun)
        if begun.code == code.id:
            return begun.key
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        pass
    key = new_key()
    write_private(home / BEGUN, msgspec.json.encode(_Begun(code.id, key)))
    return key


@contextmanager
def _nobody_else(home: Path) -> Iterator[None]:
    """No agent runs in this home meanwhile: it would go on with what it knew."""
    path = home / "spool.db"
    if not path.exists():
        yield
        return
    try:
        spool = Spool(path, system_clocks(home))
    except SpoolTaken as error:
        raise Trouble(
            Exit.BUSY,
            f"An agent runs in {home}. Stop it, enrol, and start it again.",
            f"{home} 里的采集程序正在运行。先停止它，登记以后再启动。",
        ) from error
    except SpoolDamaged:  # which the agent mends when it starts
        yield
        return
    except SpoolError as error:
        raise Trouble(Exit.CANNOT_WRITE, str(error), f"{error.zh}。") from error
    try:
        yield
    finally:
        spool.close()
