"""One login by SSH, with paramiko, in a thread: the host key is compared before anything is proved to the host.

    key exchange -> the pinned fingerprint -> login by key -> one channel -> the script in, both streams out

Every wait has an end of its own, and `stop`, from any thread, ends whichever is on: it shuts the socket down.
Neither the user's agent, nor key files, nor known_hosts, nor a password is ever looked at: `Transport` knows none.
"""

import io
import logging
import re
import selectors
import socket
import textwrap
import threading

import paramiko

from drivers.errors import DeviceError, Garbled, NotSupported, Reason, Refused, Unreachable
from drivers.host import script

MOST_OUTPUT = 1 << 20  # bytes of each stream
BEFORE_LOGIN = 256 << 10  # bytes a host may send before it let us in; a key exchange takes 5 KB
AFTER_LOGIN = 4 << 20
END_SECONDS = 1.0  # for paramiko's own thread, which looks up ten times a second
_KEY = re.compile(r"(-----BEGIN [A-Z ]+-----)([A-Za-z0-9+/=\s]+)(-----END [A-Z ]+-----)")
_SILENCE = logging.getLogger("drivers.host.paramiko")
_SILENCE.addHandler(logging.NullHandler())
_SILENCE.propagate = False  # what goes wrong is told once, as the failure of the poll


class Dropped(Unreachable):
    """It hung up before its key was known: a host that is asked by many at once does so. Worth one more connection."""


class Line(socket.socket):
    """The connected socket, and how much more the host may send on it: paramiko itself knows no bound."""

    left = BEFORE_LOGIN
    flooded = False

    def recv(self, size: int, flags: int = 0) -> bytes:
        heard = super().recv(size, flags)
        self.left -= len(heard)
        if self.left < 0:
            self.flooded = True
            raise EOFError
        return heard


class Session:
    """`run` in a thread, once. `step` says what it is waiting for."""

    def __init__(self, connected: socket.socket, user: str, host_key: str, wait: float) -> None:
        self.step = "the exchange of keys"
        self._line = Line(fileno=connected.detach())
        self._user = user
        self._host_key = host_key
        self._wait = wait
        self._transport: paramiko.Transport | None = None

    def stop(self) -> None:
        """End every wait of `run`. The descriptor itself stays, until the thread that uses it is done with it."""
        try:
            self._line.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it was gone before

    def run(self, private_key: str, asked: script.Script) -> bytes:
        """What the script said between its markers. DeviceError if that cannot be had."""
        channel: paramiko.Channel | None = None
        transport: paramiko.Transport | None = None
        try:
            transport = self._transport = paramiko.Transport(self._line)
            self._exchange_keys(transport)
            self._check_host_key(transport)
            self._log_in(transport, read_key(private_key))
            self._line.left = AFTER_LOGIN
            channel = self._open(transport, asked.command)
            return self._ask(channel, asked)
        finally:
            self.stop()
            if transport is not None:
                transport.close()
                if transport.is_alive():
                    transport.join(END_SECONDS)
            if channel is not None:
                channel.close()
            self._line.close()

    def _exchange_keys(self, transport: paramiko.Transport) -> None:
        transport.set_log_channel(_SILENCE.name)
        transport.banner_timeout = transport.handshake_timeout = self._wait
        transport.auth_timeout = self._wait
        done = threading.Event()
        transport.start_client(event=done)
        is_done = done.wait(2 * self._wait)  # a banner that never ends is none of paramiko's time-outs
        if is_done and transport.is_active():
            return
        error = transport.get_exception()
        if self._line.flooded:
            raise Garbled(Reason.TOO_LONG, "it sends without end before the key exchange: is it SSH at all?")
        if not is_done or _is_timeout(error):
            raise Unreachable(Reason.CONNECT_TIMEOUT, "it took the connection, and exchanges no keys")
        raise _why_no_exchange(error)

    def _check_host_key(self, transport: paramiko.Transport) -> None:
        key = transport.get_remote_server_key()
        met, kind = key.fingerprint, script.cleaned(key.get_name())
        if not self._host_key:
            raise Refused(
                Reason.HOST_KEY_UNCONFIRMED,
                f"its host key is {met} ({kind}) and nobody confirmed it: compare it on the host itself "
                f'(ssh-keygen -lf), then write host_key = "{met}"; nobody logged in',
                raw=met.encode(),
            )
        if met != self._host_key:
            raise Refused(
                Reason.HOST_KEY_CHANGED,
                f"its host key is {met} ({kind}), and {self._host_key} was confirmed: "
                "another machine may stand in its place; nobody logged in",
                raw=met.encode(),
            )

    def _log_in(self, transport: paramiko.Transport, key: paramiko.PKey) -> None:
        self.step = "the login's answer"
        try:
            wanted = transport.auth_publickey(self._user, key)
        except (paramiko.BadAuthenticationType, paramiko.AuthenticationException) as error:
            if "timeout" in str(error):
                raise Unreachable(Reason.CONNECT_TIMEOUT, "it did not answer the login") from error
            if "EOF" in str(error):
                raise self._hung_up("while it was logged in to") from error
            raise Refused(Reason.LOGIN_REFUSED, f"it does not let {self._user!r} in with this key") from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._hung_up("while it was logged in to") from error
        if wanted:
            raise Refused(Reason.LOGIN_REFUSED, "it wants more than a key, which no program can give")

    def _open(self, transport: paramiko.Transport, command: str) -> paramiko.Channel:
        self.step = "the channel"
        try:
            channel = transport.open_session(timeout=self._wait)
            channel.settimeout(self._wait)
            channel.exec_command(command)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if not transport.is_active():
                raise self._hung_up("before the script was sent") from error
            if isinstance(error, TimeoutError) or "Timeout" in str(error):
                raise Refused(Reason.RUN_TIMEOUT, "it did not open a channel in time") from error
            raise Refused(Reason.NEGATIVE_ANSWER, "it let us in and runs no command") from error
        return channel

    def _ask(self, channel: paramiko.Channel, asked: script.Script) -> bytes:
        self.step = "the script's answer"
        markers = script.new_markers()
        try:
            channel.sendall(script.to_send(asked, markers))
            channel.shutdown_write()
        except TimeoutError as error:
            raise Refused(Reason.RUN_TIMEOUT, "it does not take the script") from error
        except OSError:
            pass  # what it says all the same tells more
        heard = self._listen(channel, markers)
        said = script.between(heard, markers)
        if said is None:
            if not heard and self._transport is not None and not self._transport.is_active():
                raise self._hung_up("before the script said anything")
            raise Garbled(Reason.UNREADABLE_OUTPUT, "what it said is not the script's answer", raw=heard[:1024])
        return said

    def _listen(self, channel: paramiko.Channel, markers: script.Markers) -> bytes:
        """All of standard output until the last marker or the end; standard error is taken as well, and dropped."""
        heard, aside = bytearray(), 0
        with selectors.DefaultSelector() as waiting:
            waiting.register(channel, selectors.EVENT_READ)
            while True:
                if not waiting.select(self._wait):
                    raise Refused(Reason.RUN_TIMEOUT, f"the script said nothing for {self._wait:g} s")
                ended = channel.eof_received or channel.closed
                while channel.recv_ready() and len(heard) <= MOST_OUTPUT:
                    heard += channel.recv(32768)
                while channel.recv_stderr_ready() and aside <= MOST_OUTPUT:
                    aside += len(channel.recv_stderr(32768))
                if max(len(heard), aside) > MOST_OUTPUT:
                    raise Garbled(
                        Reason.UNREADABLE_OUTPUT, f"it said more than {MOST_OUTPUT} bytes", raw=bytes(heard[:1024])
                    )
                if ended or b"\n%s\n" % markers.end in heard[-256:]:
                    return bytes(heard)

    def _hung_up(self, when: str) -> DeviceError:
        if self._line.flooded:
            return Garbled(Reason.UNREADABLE_OUTPUT, "it sends without end")
        return Unreachable(Reason.HUNG_UP, f"it hung up {when}")


def read_key(text: str) -> paramiko.PKey:
    """A private key as ssh-keygen writes it, without a passphrase; also in one line, as it is typed at a prompt."""
    if whole := _KEY.fullmatch(text.strip()):
        begin, body, end = whole.groups()
        text = "\n".join([begin, *textwrap.wrap("".join(body.split()), 64), end])
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(f"{text.strip()}\n"))
        except paramiko.PasswordRequiredException as error:
            raise Refused(Reason.BAD_OPTIONS, "the private key is sealed with a passphrase") from error
        except (paramiko.SSHException, ValueError, IndexError, TypeError):
            continue
    raise Refused(Reason.BAD_OPTIONS, "the private key is none that ssh-keygen writes (Ed25519, ECDSA or RSA)")


def _is_timeout(error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError))


def _why_no_exchange(error: BaseException | None) -> DeviceError:
    if isinstance(error, paramiko.ssh_exception.IncompatiblePeer):
        return NotSupported(Reason.NOT_IN_DEVICE, "it knows none of the ways to exchange keys that are safe today")
    if error is None or isinstance(error, OSError | EOFError) or isinstance(error.__context__, OSError | EOFError):
        return Dropped(Reason.HUNG_UP, "it hung up before the keys were exchanged")
    return Garbled(Reason.BAD_FRAME, "it answers, and not as SSH does")
