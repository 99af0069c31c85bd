"""How the journal names an exemption."""

from sqlmodel import Session

from server.exemptions.tables import ExemptionRow
from server.inventory.tables import Subject


def about(session: Session, row: ExemptionRow) -> str:
    """ "antivirus-present 1001", with the class where it is of one."""
    subject = session.get(Subject, row.subject_id)
    return " ".join(part for part in (row.check_id, subject.key if subject else "", row.of_class) if part)[:200]
