"""The asking side of SNMPv3's user-based security (RFC 3414, RFC 7860, RFC 3826), for one device at a time.

pysnmp keeps users and clocks of all devices in one table by engine id, where two devices that share an id, as cheap
cards do, or two passwords of one user name, get in each other's way; here each device has its own. How a privacy key is
cut or drawn out, and DES, are pysnmp's; AES is cryptography's own, as pysnmp's wrapping was a fifth of a poll.
"""

import asyncio
import hashlib
import hmac
import os
from dataclasses import dataclass
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from pyasn1.type import univ
from pysnmp.proto.error import StatusInformation
from pysnmp.proto.secmod.rfc3414 import service
from pysnmp.proto.secmod.rfc3414.service import SnmpUSMSecurityModel

from drivers.snmp.ber import SEQUENCE, BadMessage, Reader, integer, tlv
from drivers.snmp.message import Answer, Kind, Question, read_pdu
from drivers.snmp.profile import Oid

try:
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:  # before it was moved there
    from cryptography.hazmat.primitives.ciphers.modes import CFB

STATS: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 1)  # usmStats: what a report is about is the number below it
UNSUPPORTED_LEVEL, NOT_IN_TIME, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, NOT_DECRYPTED = range(1, 7)

AUTH, PRIV, REPORTABLE = 0x01, 0x02, 0x04  # msgFlags
_MODEL = 3  # msgSecurityModel: this one
_MAX_SIZE = 65507  # octets of a UDP datagram
_WINDOW = 150  # seconds a message may be old
_PASSWORD_OCTETS = 1 << 20  # RFC 3414 A.2: a password is repeated to so many octets and hashed


class Mac(NamedTuple):
    digest: str  # as hashlib calls it
    size: int  # octets of it that are sent
    oid: Oid  # as pysnmp calls the protocol


MACS = {
    "MD5": Mac("md5", 12, (1, 3, 6, 1, 6, 3, 10, 1, 1, 2)),
    "SHA": Mac("sha1", 12, (1, 3, 6, 1, 6, 3, 10, 1, 1, 3)),
    "SHA-224": Mac("sha224", 16, (1, 3, 6, 1, 6, 3, 10, 1, 1, 4)),
    "SHA-256": Mac("sha256", 24, (1, 3, 6, 1, 6, 3, 10, 1, 1, 5)),
    "SHA-384": Mac("sha384", 32, (1, 3, 6, 1, 6, 3, 10, 1, 1, 6)),
    "SHA-512": Mac("sha512", 48, (1, 3, 6, 1, 6, 3, 10, 1, 1, 7)),
}
CIPHERS: dict[str, Oid] = {
    "DES": service.des.Des.SERVICE_ID,
    "AES": service.aes.Aes.SERVICE_ID,
    "AES-192": service.aes192.AesBlumenthal192.SERVICE_ID,
    "AES-256": service.aes256.AesBlumenthal256.SERVICE_ID,
    "AES-192-C": service.aes192.Aes192.SERVICE_ID,  # keys drawn out as Cisco and Huawei do
    "AES-256-C": service.aes256.Aes256.SERVICE_ID,
}


@dataclass(frozen=True)
class User:
    """Who asks. `auth` is a key of MACS and `priv` one of CIPHERS; "" is none."""

    name: str
    auth: str = ""
    auth_password: str = ""
    priv: str = ""
    priv_password: str = ""
    context: str = ""

    @property
    def level(self) -> int:
        return (AUTH if self.auth else 0) | (PRIV if self.priv else 0)


class Keys(NamedTuple):
    auth: bytes
    priv: bytes


class Keyring:
    """Keys made of passwords: a megabyte is hashed for each password once, not for each device or poll."""

    def __init__(self) -> None:
        self._masters: dict[tuple[str, str], bytes] = {}

    async def keys(self, user: User, engine_id: bytes) -> Keys:
        """The keys of `user` at the device that has `engine_id`."""
        if not user.auth:
            return Keys(b"", b"")
        mac = MACS[user.auth]
        auth = _localize(mac.digest, await self._master(mac.digest, user.auth_password), engine_id)
        if not user.priv:
            return Keys(auth, b"")
        master = await self._master(mac.digest, user.priv_password)
        return Keys(auth, _cipher(user.priv).localize_key(mac.oid, _octets(master), _octets(engine_id)).asOctets())

    async def _master(self, digest: str, password: str) -> bytes:
        known = self._masters.get((digest, password))
        if known is None:
            known = self._masters[digest, password] = await asyncio.to_thread(_stretch, digest, password.encode())
        return known


def _stretch(digest: str, password: bytes) -> bytes:
    repeated = password * (_PASSWORD_OCTETS // len(password) + 1)
    return hashlib.new(digest, repeated[:_PASSWORD_OCTETS]).digest()


def _localize(digest: str, master: bytes, engine_id: bytes) -> bytes:
    return hashlib.new(digest, master + engine_id + master).digest()


def _cipher(name: str) -> Any:
    return SnmpUSMSecurityModel.PRIV_SERVICES[CIPHERS[name]]


def _octets(octets: bytes) -> Any:
    return univ.OctetString(octets)


def _encrypt(name: str, key: bytes, clock: tuple[int, int], plain: bytes) -> tuple[bytes, bytes]:
    """What is sent, and its salt."""
    if name == "DES":
        encrypted, salted = _cipher(name).encrypt_data(_octets(key), (*clock, None), plain)
        return encrypted.asOctets(), salted.asOctets()
    salt = os.urandom(8)
    cipher = _aes(key, clock, salt).encryptor()
    return cipher.update(plain) + cipher.finalize(), salt


def _decrypt(name: str, key: bytes, clock: tuple[int, int], salt: bytes, encrypted: bytes) -> bytes:
    """BadMessage if it is nothing that was encrypted so. A wrong key gives octets that mean nothing."""
    try:
        if name == "DES":
            parameters = (*clock, _octets(salt))
            return bytes(_cipher(name).decrypt_data(_octets(key), parameters, _octets(encrypted)))
        cipher = _aes(key, clock, salt).decryptor()
        return cipher.update(encrypted) + cipher.finalize()
    except (StatusInformation, ValueError) as error:
        raise BadMessage(f"not decrypted: {error}"[:200]) from None


def _aes(key: bytes, clock: tuple[int, int], salt: bytes) -> Cipher[CFB]:
    """RFC 3826 3.1.2.1: boots, time and salt are where the cipher begins. A device may say any number for them."""
    begin = b"".join((number & 0xFFFFFFFF).to_bytes(4, "big") for number in clock)
    return Cipher(algorithms.AES(key), CFB(begin + salt))


class Usm:
    """What one device is known by: its engine id, its clock, the user's keys there."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.forget()

    def forget(self) -> None:
        """Know nothing again, so that the next question begins with finding out."""
        self.engine_id = b""
        self.keys = Keys(b"", b"")
        self._boots = 0
        self._time = 0
        self._heard = 0.0

    def meet(self, engine_id: bytes, keys: Keys) -> None:
        self.engine_id, self.keys = engine_id, keys

    def discovery(self, message_id: int, now: float) -> bytes:
        """A question without a name, which every device answers with its engine id."""
        pdu = Question(Kind.GET, ()).pdu(message_id)
        return self._message(message_id, b"", b"", 0, tlv(0x30, tlv(0x04, b"") + tlv(0x04, b"") + pdu), (0, 0))

    def wrap(self, message_id: int, pdu: bytes, now: float) -> bytes:
        """`pdu` as this user asks it of this device; `now` is any clock that only goes forward, in seconds."""
        scoped = tlv(0x30, tlv(0x04, self.engine_id) + tlv(0x04, self.user.context.encode()) + pdu)
        clock = (self._boots, self._clock(now))
        return self._message(message_id, self.engine_id, self.user.name.encode(), self.user.level, scoped, clock)

    def _message(
        self, message_id: int, engine_id: bytes, name: bytes, level: int, scoped: bytes, clock: tuple[int, int]
    ) -> bytes:
        salt = b""
        if level & PRIV:
            encrypted, salt = _encrypt(self.user.priv, self.keys.priv, clock, scoped)
            scoped = tlv(0x04, encrypted)
        mac = MACS[self.user.auth] if level & AUTH else None
        empty = bytes(mac.size if mac else 0)
        flags = tlv(0x04, bytes((level | REPORTABLE,)))
        header = tlv(0x30, integer(message_id) + integer(_MAX_SIZE) + flags + integer(_MODEL))
        told = tlv(0x04, engine_id) + integer(clock[0]) + integer(clock[1]) + tlv(0x04, name)
        end = tlv(0x04, salt)
        parameters = tlv(0x04, tlv(0x30, told + tlv(0x04, empty) + end))
        whole = tlv(0x30, integer(3) + header + parameters + scoped)
        if mac is None:
            return whole
        at = len(whole) - len(scoped) - len(end) - mac.size
        return whole[:at] + _sign(mac, self.keys.auth, whole) + whole[at + mac.size :]

    def _clock(self, now: float) -> int:
        """The device's clock as it must stand now."""
        return self._time + int(now - self._heard) if self._heard else self._time

    def unwrap(self, octets: bytes, level: int, message: Reader, now: float) -> tuple[Answer, bytes]:
        """The answer in what follows the header of a message, and the engine id it came from. `octets` is the message.
        BadMessage if it is not to be believed."""
        parameters = Reader(message.octets()).inside(SEQUENCE)
        engine_id, boots, time = parameters.octets(), parameters.integer(), parameters.integer()
        _, mac, salt = parameters.octets(), parameters.octets(), parameters.octets()
        if level & AUTH:
            self._check_mac(octets, mac)
        scoped = self._decrypt(message.octets(), (boots, time), salt) if level & PRIV else message
        answer = _read_scoped(scoped.inside(SEQUENCE))
        if not answer.report and (level != self.user.level or engine_id != self.engine_id):
            raise BadMessage("an answer with less protection than was asked for, or of another engine")
        if level & AUTH or answer.report:
            self._learn(boots, time, now, sure=bool(level & AUTH), report=answer.report)
        return answer, engine_id

    def _check_mac(self, octets: bytes, sent: bytes) -> None:
        mac = MACS.get(self.user.auth)
        at = octets.find(sent)
        if mac is None or not self.keys.auth or len(sent) != mac.size or at < 0:
            raise BadMessage("a digest that cannot be checked")
        unsigned = octets[:at] + bytes(mac.size) + octets[at + mac.size :]
        if not hmac.compare_digest(_sign(mac, self.keys.auth, unsigned), sent):
            raise BadMessage("a wrong digest")

    def _decrypt(self, encrypted: bytes, clock: tuple[int, int], salt: bytes) -> Reader:
        if not self.user.priv or not self.keys.priv:
            raise BadMessage("nothing that could be decrypted")
        return Reader(_decrypt(self.user.priv, self.keys.priv, clock, salt, encrypted))  # a block cipher leaves octets

    def _learn(self, boots: int, time: int, now: float, *, sure: bool, report: bool) -> None:
        """Set the device's clock by a message that is signed, or by the first one there is."""
        if not sure:
            if not self._heard:
                self._boots, self._time, self._heard = boots, time, now
            return
        if not report and (boots, time) < (self._boots, self._clock(now) - _WINDOW):
            raise BadMessage("an old message sent again")
        self._boots, self._time, self._heard = boots, time, now


class Header(NamedTuple):
    message_id: int
    level: int


def read_header(message: Reader) -> Header:
    """What comes first in a message after its version."""
    header = message.inside(SEQUENCE)
    message_id, _, flags, model = header.integer(), header.integer(), header.octets(), header.integer()
    if len(flags) != 1 or model != _MODEL:
        raise BadMessage("flags or a security model that are none")
    return Header(message_id, flags[0] & (AUTH | PRIV))


def _read_scoped(scoped: Reader) -> Answer:
    scoped.octets()  # the context's engine id
    scoped.octets()  # and its name
    return read_pdu(scoped)


def _sign(mac: Mac, key: bytes, octets: bytes) -> bytes:
    return hmac.digest(key, octets, mac.digest)[: mac.size]


def report_of(answer: Answer) -> int | None:
    """Which of usmStats a report is about; None if about something else."""
    name = answer.said[0][0] if answer.said else ()
    return name[len(STATS)] if name[: len(STATS)] == STATS and len(name) > len(STATS) else None
