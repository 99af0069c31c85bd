"""The answering end of SNMPv1 and v2c: what a request asks of a view, and the answer in octets."""

from drivers.sim import snmp_ber as ber
from drivers.sim.snmp_ber import Oid
from drivers.sim.snmp_view import View

_ANSWER_LIMIT = 1472  # octets: a longer answer is "too big"
_AT_ONCE = 60  # values in one answer to a GETBULK


class CommunityEnd:
    """SNMPv1 and v2c. A request with another community, or none at all, is not answered."""

    def __init__(self, version: str, community: str) -> None:
        self._version = {"1": 0, "2c": 1}[version]
        self._community = community.encode()

    def answer(self, octets: bytes, view: View) -> tuple[bytes, list[Oid]]:
        try:
            request = ber.parse_request(octets)
        except ValueError:
            return b"", []
        if request.community != self._community or request.version != self._version:
            return b"", []
        answer, told = _Answering(request, view).whole()
        if len(answer) <= _ANSWER_LIMIT:
            return answer, told
        if request.kind == ber.BULK:
            return self.answer_less(request, view)
        return ber.encode_response(request, [], ber.TOO_BIG), []

    def answer_less(self, request: ber.Request, view: View) -> tuple[bytes, list[Oid]]:
        """A GETBULK may be answered with as many rows as fit."""
        repeats = request.repeats
        while repeats > 1:
            repeats //= 2
            answer, told = _Answering(request._replace(repeats=repeats), view).whole()
            if len(answer) <= _ANSWER_LIMIT:
                return answer, told
        return ber.encode_response(request, [], ber.TOO_BIG), []


class _Answering:
    def __init__(self, request: ber.Request, view: View) -> None:
        self._request = request
        self._view = view

    def whole(self) -> tuple[bytes, list[Oid]]:
        request = self._request
        if request.kind == ber.BULK:
            return ber.encode_response(request, self._bulk()), []
        bindings: list[tuple[Oid, bytes]] = []
        for index, oid in enumerate(request.oids, 1):
            at = oid if request.kind == ber.GET else self._view.next(oid)
            found = self._view.get(at) if at else None
            if found is not None and at is not None:
                bindings.append((at, ber.encode(found.kind, found.value)))
            elif request.version == 0:
                echo = [(name, b"\x05\x00") for name in request.oids]
                return ber.encode_response(request, echo, ber.NO_SUCH_NAME, index), []
            else:
                bindings.append((oid, ber.NO_SUCH_INSTANCE if request.kind == ber.GET else ber.END_OF_VIEW))
        told = [oid for oid, _ in bindings] if request.kind == ber.GET else []
        return ber.encode_response(request, bindings), told

    def _bulk(self) -> list[tuple[Oid, bytes]]:
        bindings = [self._step(oid) for oid in self._request.oids[: self._request.first]]
        repeated = self._request.oids[self._request.first :]
        for _ in range(self._request.repeats):
            steps = [self._step(oid) for oid in repeated]
            bindings += steps
            repeated = [oid for oid, _ in steps]
            if len(bindings) + len(repeated) > _AT_ONCE or all(value == ber.END_OF_VIEW for _, value in steps):
                break
        return bindings

    def _step(self, oid: Oid) -> tuple[Oid, bytes]:
        at = self._view.next(oid)
        found = self._view.get(at) if at else None
        if at is None or found is None:
            return oid, ber.END_OF_VIEW
        return at, ber.encode(found.kind, found.value)
