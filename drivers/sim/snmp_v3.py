"""The answering end of SNMPv3, by pysnmp: its engine, its user-based security, its command responders.

All simulators of one process have the same engine id, as cheap cards have: pysnmp makes one for machine and process.
"""

import time
from typing import Any

from pyasn1.type import univ
from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.carrier.base import AbstractTransportDispatcher
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto import rfc1902, rfc1905

from drivers.sim.snmp_ber import Oid
from drivers.sim.snmp_view import View

_AUTH = {
    "": config.USM_AUTH_NONE,
    "MD5": config.USM_AUTH_HMAC96_MD5,
    "SHA": config.USM_AUTH_HMAC96_SHA,
    "SHA-224": config.USM_AUTH_HMAC128_SHA224,
    "SHA-256": config.USM_AUTH_HMAC192_SHA256,
    "SHA-384": config.USM_AUTH_HMAC256_SHA384,
    "SHA-512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIV = {
    "": config.USM_PRIV_NONE,
    "DES": config.USM_PRIV_CBC56_DES,
    "AES": config.USM_PRIV_CFB128_AES,
    "AES-192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "AES-256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "AES-192-C": config.USM_PRIV_CFB192_AES,
    "AES-256-C": config.USM_PRIV_CFB256_AES,
}
_CLASSES: dict[str, Any] = {
    "integer": rfc1902.Integer32,
    "octets": rfc1902.OctetString,
    "oid": rfc1902.ObjectIdentifier,
    "address": rfc1902.IpAddress,
    "counter": rfc1902.Counter32,
    "gauge": rfc1902.Gauge32,
    "ticks": rfc1902.TimeTicks,
    "counter64": rfc1902.Counter64,
}
_FROM = udp.UdpTransportAddress(("127.0.0.1", 1))  # answers go back the way they came, so any address will do


class _Outbox(AbstractTransportDispatcher):  # type: ignore[misc]  # pysnmp has no types
    """Where pysnmp puts its answer."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = b""

    def send_message(self, outgoingMessage: bytes, transportDomain: object, transportAddress: object) -> None:  # noqa: N803
        self.sent = bytes(outgoingMessage)


class _Controller:
    """What pysnmp's responders ask for values; there is no access control, the device shows all it has."""

    def __init__(self) -> None:
        self.view: View | None = None
        self.told: list[Oid] = []

    def read_variables(self, *bindings: Any, **_: object) -> list[tuple[Any, Any]]:
        self.told = [tuple(name) for name, _ in bindings]
        return [(name, self._value(tuple(name), rfc1905.noSuchInstance)) for name, _ in bindings]

    def read_next_variables(self, *bindings: Any, **_: object) -> list[tuple[Any, Any]]:
        steps = []
        for name, _value in bindings:
            following = self.view.next(tuple(name)) if self.view else None
            after = rfc1902.ObjectName(following) if following else name
            steps.append((after, self._value(following, rfc1905.endOfMibView)))
        return steps

    def _value(self, oid: Oid | None, otherwise: Any) -> Any:
        found = self.view.get(oid) if self.view and oid else None
        return otherwise if found is None else _CLASSES[found.kind](found.value)


class SecuredEnd:
    """SNMPv3 for one user. Making one reads pysnmp's MIB files: in a thread, please."""

    def __init__(self, options: dict[str, object]) -> None:
        given = {key: str(options.get(key, "")) for key in ("user", "auth", "auth_password", "priv", "priv_password")}
        self._engine = SnmpEngine()
        self._outbox = _Outbox()
        self._engine.register_transport_dispatcher(self._outbox)
        config.add_v3_user(
            self._engine,
            given["user"],
            _AUTH[given["auth"]],
            given["auth_password"] or None,
            _PRIV[given["priv"]],
            given["priv_password"] or None,
        )
        self._controller = _Controller()
        shown = context.SnmpContext(self._engine)
        shown.unregister_context_name(b"")
        shown.register_context_name(univ.OctetString(str(options.get("context", ""))), self._controller)
        self._responders = [
            responder(self._engine, shown)
            for responder in (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, cmdrsp.BulkCommandResponder)
        ]

    def answer(self, octets: bytes, view: View) -> tuple[bytes, list[Oid]]:
        self._controller.view, self._controller.told, self._outbox.sent = view, [], b""
        self._engine.message_dispatcher.receive_message(self._engine, udp.DOMAIN_NAME, _FROM, octets)
        self._outbox.handle_timer_tick(time.time())  # so that pysnmp lets go of what it keeps of each message
        return self._outbox.sent, self._controller.told
