"""What is plugged into this PC: serial ports, and card readers where pyscard is installed. Nothing is opened."""

import msgspec

HOW_TO_GET = "Card readers are listed once pyscard is installed: pip install 'branchfleet[pcsc]'"


class Port(msgspec.Struct, frozen=True):
    address: str  # what an inventory says
    name: str  # what the system calls it
    maker: str = ""
    serial: str = ""  # of the USB adapter: tells two alike apart
    usb: str = ""  # "0403:6001"


class Readers(msgspec.Struct, frozen=True):
    names: list[str] = []
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
    """PC/SC readers by name."""
    try:
        from smartcard.pcsc.PCSCExceptions import BaseSCardException
        from smartcard.System import readers
    except ImportError:
        return Readers(note=HOW_TO_GET)
    try:
        return Readers([str(reader) for reader in readers()])
    except BaseSCardException as error:
        return Readers(note=f"The system's smart card service does not answer: {error}")
