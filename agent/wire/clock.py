"""Clocks of one machine, and what an exchange tells of another's."""

import msgspec


class Clock(msgspec.Struct, frozen=True):
    """One instant by both clocks of one machine."""

    wall: int  # UTC µs; may jump
    boot: int  # µs since boot; never jumps
    boot_id: str


class Exchange(msgspec.Struct, frozen=True):
    """The four stamps of the last completed exchange with the server, for estimating the offset of the two clocks.

    `sent` and `received` are the agent's boot clock around the request; `came` and `server` are the server's clock
    when the request came and when its answer left, as the answer said.
    """

    boot_id: str
    sent: int
    received: int
    server: int
    came: int = 0  # 0: that server did not say
