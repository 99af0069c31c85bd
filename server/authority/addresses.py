"""By which URLs agents are told to reach this server: what people called it, if its certificate bears that out."""

from cryptography import x509

from agent.proof import LOOPBACK
from server.authority.certificates import names_of
from server.authority.context import Source
from server.authority.names import canonical
from server.errors import Told
from server.settings import Settings


def addresses(source: Source, settings: Settings) -> list[str]:
    """In the order of `names`; without it the address it listens at, or what the bank's own certificate names.

    Nothing is guessed: the machine's own name and addresses may mean nothing in a branch. Without TLS the server
    answers this machine only, and what stands before it is not known here. A certificate that cannot be read just now
    bears nothing out.
    """
    if not settings.tls:
        return []
    try:
        spoken = names_of(x509.load_pem_x509_certificates(source.shown().read_bytes())[0])
    except (Told, OSError, ValueError):
        return []
    said = [name for name in map(canonical, settings.names or (settings.host,)) if name in spoken]
    if not said and settings.certificate is not None:
        said = sorted(spoken)
    return [_url(name, settings.port) for name in said if name not in LOOPBACK and "*" not in name]


def _url(name: str, port: int) -> str:
    return f"https://[{name}]:{port}" if ":" in name else f"https://{name}:{port}"
