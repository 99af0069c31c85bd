"""What a card says of its machine. Which branch and position it is at, and its status, stand beside these."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from agent.inventory.schema import Date, Device, Name, Price, Slug, Text

PERSONAL = frozenset({"keeper"})  # what the journal holds only as a commitment


class CardFields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Name  # 设备名称
    cls: Slug  # DeviceClass.key
    maker: Text = ""
    model: Text = ""
    serial: Text = ""
    terminal: Text = ""  # 终端号
    keeper: Text = ""  # 责任人
    place: Text = ""
    zone: Literal["production", "office", "internet", ""] = ""
    bought: Date | None = None
    in_service: Date | None = None
    price: Price | None = None  # yuan
    supplier: Text = ""
    maintainer: Text = ""
    warranty: Date | None = None
    note: Annotated[str, Field(max_length=2000)] = ""

    @classmethod
    def of(cls, seed: Device) -> Self:
        """The fields a seed of the inventory gives."""
        return cls(**{name: getattr(seed, name) for name in cls.model_fields})

    def stored(self) -> dict[str, Any]:
        """As kept in a version's row: what is not said is left out."""
        return self.model_dump(exclude_defaults=True)
