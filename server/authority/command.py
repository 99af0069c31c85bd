"""`branchfleet-server ca`: what is trusted, and a change from one CA to the next."""

from typing import Literal

from cryptography import x509
from sqlmodel import Session

from server.agents.queries import strangers_to
from server.authority import changing
from server.authority.certificates import describe, fingerprint, pem, prints
from server.authority.files import AUTHORITY, FOLDER, NEXT, CertificateError, read
from server.authority.source import source
from server.clock import utc_now
from server.errors import Conflict
from server.home import Home
from server.journal.deeds import Act, record
from server.texts import Gettext

Step = Literal["next", "switch", "drop"]


def show_ca(home: Home, *, new: bool) -> tuple[bytes, dict[str, object]]:
    """What is trusted (PEM), and the same in words."""
    if new and (home.path / FOLDER / AUTHORITY).exists():
        raise CertificateError("There is a CA already; `branchfleet-server ca --step next` begins a change to another.")
    certificates = source(home.path, home.settings, utc_now, make=new)
    trusted = certificates.trusted()
    described: dict[str, object] = {**describe(trusted, certificates.shown().read_bytes())}
    if others := x509.load_pem_x509_certificates(trusted)[1:]:
        described["trusted_too"] = ", ".join(map(fingerprint, others))
    if (home.path / FOLDER / NEXT).exists():
        with home.database() as database, database.read() as session:
            described["agents_to_learn"] = len(strangers_to(session, _next_print(home)))
    return trusted, described


def change(home: Home, session: Session, act: Act, step: Step, *, yes: bool, _: Gettext) -> str:
    """One step, and the sentence for it. CertificateError, or Conflict while agents would be left behind."""
    folder = home.path / FOLDER
    if home.settings.certificate is not None:
        raise CertificateError(
            "The server shows a certificate of the bank's own: put the next CA into certificate_ca beside the one "
            "there is, wait until agents and consoles have learned it, and only then put the new certificate in place."
        )
    match step:
        case "next":
            held = changing.begin(folder, lambda: act.now)
            told = _("There is a next CA. Agents learn it within the hour while they run, consoles within the day.")
        case "switch":
            if (folder / NEXT).exists() and not yes:
                _nobody_left_behind(session, _next_print(home))
            held = changing.switch(folder)
            told = _("The next CA signs from now on, the old one is trusted still. The server follows in ten minutes.")
        case "drop":
            held = changing.drop(folder)
            told = _("Only one CA is trusted from now on. The server follows in ten minutes, agents within the hour.")
    record(session, act, deed="server.ca", about="server", after={"step": step, "ca": fingerprint(held.certificate)})
    return told


def _nobody_left_behind(session: Session, authority: str) -> None:
    late = strangers_to(session, authority)
    if late:
        raise Conflict(
            "{count} agents do not know the next CA yet, the first is {key}. Wait until they were on; or say --yes, "
            "and enrol anew those that were not.",
            count=len(late),
            key=late[0],
        )


def _next_print(home: Home) -> str:
    return prints(pem(read(home.path / FOLDER / NEXT).certificate).decode())[0]
