"""What is plugged into this PC: serial ports, and card readers where pyscard is installed. Nothing is opened."""

import asyncio

import msgspec

from drivers.base import Lists
from drivers.errors import DeviceError
from drivers.registry import find


class Port(msgspec.Struct, frozen=True):
    address: str  # what an inventory says
    name: str  # what the system calls it
    maker: str = ""
    serial: str = ""  # of the USB adapter: tells two alike apart
    usb: str = ""  # "0403:6001"


class Readers(msgspec.Struct, frozen=True):
    addresses: list[str] = []  # what an inventory says
    note: str = ""  # why there are none, where that is known


def serial_ports() -> list[Port]:
    """Every serial port of this PC, by address."""
    from serial.tools import list_ports  # here: pyserial brings the platform's modules with it

    found = sorted(list_ports.comports(), key=lambda port: port.device)
    return [
        Port(
            address=port.device,
            name=port.description if port.description not in (None, "n/a") else "",
            maker=port.manufacturer or "",
            serial=port.serial_number or "",
            usb=f"{port.vid:04x}:{port.pid:04x}" if port.vid is not None and port.pid is not None else "",
        )
        for port in found
    ]


def card_readers() -> Readers:
    """Card readers of the system's smart card service."""
    driver = find("card_reader/pcsc")
    if not isinstance(driver, Lists):
        return Readers()
    try:
        return Readers(asyncio.run(driver.plugged_in()))
    except DeviceError as error:
        return Readers(note=error.detail)
