"""Machines' cards, as the ledger has them and had them."""

from typing import Any

from server.schemas.base import Page, Schema
from server.schemas.tickets import TicketOut


class CardOut(Schema):
    """A machine's card, flat: what the ledger shows and exports."""

    asset: str
    name: str
    cls: str
    cls_name: str
    branch: str
    branch_name: str
    position: str | None
    position_name: str | None
    status: str
    maker: str
    model: str
    serial: str
    terminal: str
    keeper: str
    place: str
    zone: str
    bought: str | None
    in_service: str | None
    price: str | None
    supplier: str
    maintainer: str
    warranty: str | None
    note: str
    effective_from: int
    known_from: int


class CardPage(Page):
    rows: list[CardOut]
    journal_seq: int


class CardVersionOut(Schema):
    effective_from: int
    effective_to: int | None
    known_from: int
    known_to: int | None
    branch: str
    position: str | None
    status: str
    fields: dict[str, Any]
    by: str
    reason: str


class CardDetail(Schema):
    card: CardOut
    versions: list[CardVersionOut]  # newest first
    tickets: list[TicketOut]
