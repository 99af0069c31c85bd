"""Passbook printers, by the emulation they are set to: Olivetti PR2 (olivetti.py) and NCR 5021 (ncr_5021.py).

Only questions that change nothing in that emulation are asked. The same bytes do harm in others: to an IBM Proprinter
the Olivetti's ESC j means stop and go off-line, to an Epson it feeds paper backwards. So the emulation must be told,
and a printer in one that is not read here is sent nothing.
"""

from typing import Literal

from drivers.base import Reading, Shared
from drivers.errors import Reason, Refused
from drivers.passbook.ncr_5021 import Ncr5021
from drivers.passbook.olivetti import Olivetti
from drivers.passbook.table import CodeTable, read_profile
from drivers.serial_driver import SerialDriver
from drivers.serial_link import Conversation, PrinterPortOptions


class PassbookOptions(PrinterPortOptions, kw_only=True):
    """`emulation` is what the printer is set to and must be said.

    Of an Olivetti, `table` says what bytes mean, over `profile`, and `document = false` is for models without ESC SP B
    (PR40+, PR45). What an NCR 5021's bytes mean is known.
    """

    emulation: Literal["olivetti", "ncr-5021", "oki", "ibm", "epson"]
    profile: str = "unmapped"
    table: CodeTable | None = None
    document: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        read_profile(self.profile)
        told = [name for name in ("document", "profile", "table") if self.tells(name)]
        if self.emulation == "ncr-5021" and told:
            raise ValueError(f"{', '.join(told)} is for the emulation olivetti")

    def tells(self, name: str) -> bool:
        return bool(getattr(self, name) != type(self).model_fields[name].default)

    def meanings(self) -> CodeTable:
        """The code table in force."""
        table = read_profile(self.profile)
        if self.table is None:
            return table
        return CodeTable(
            status={**table.status, **self.table.status}, document={**table.document, **self.table.document}
        )


class Passbook(SerialDriver):
    Options = PassbookOptions

    def __init__(self, address: str, options: PassbookOptions, shared: Shared) -> None:
        super().__init__(address, options, shared)
        self._emulation = options.emulation
        ncr = options.emulation == "ncr-5021"
        self._dialect = Ncr5021() if ncr else Olivetti(options.meanings(), asks_document=options.document)

    async def open(self) -> None:
        if self._emulation not in ("olivetti", "ncr-5021"):
            raise Refused(
                Reason.WRONG_EMULATION,
                f"in {self._emulation} emulation the status question does harm; set the printer to Olivetti PR2",
            )

    def talk(self) -> Conversation[Reading]:
        return self._dialect.talk()
