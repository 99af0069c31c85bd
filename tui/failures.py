"""Every way the server can fail to answer, and what an answer that is none means.

ClientError
├── Away        the server cannot be reached or gave no HTTP answer in time: ask again later
│   └── Unreached   nobody took the question, so nothing came of it
│       └── Untrusted   what answers cannot prove to be the server
├── SignedOut   the token is not, or no longer, good: sign in again
├── Refused     the server said no in one sentence, with its status
└── Defect      the answer is not what server/schemas/ promises
"""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import httpx2
from pydantic import ValidationError

from server.schemas.base import Problem
from tui.settings import config_folder
from tui.texts import _

_DATES = (9, 10)  # X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL's x509_vfy.h


class ClientError(Exception):
    """The base: something between this person and an answer."""


class Away(ClientError):
    pass


class Unreached(Away):
    """No connection: whatever was to be done was not done. Of a plain Away that is not known."""


class Unable(Away):
    """The server itself says that it cannot do it now: its disk is full, say. Nothing was done."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class Untrusted(Unreached):
    """Something answers there that cannot prove to be the server: it was sent nothing."""

    def __init__(self, why: str, code: int = 0) -> None:
        super().__init__(why)
        if code in _DATES:
            self.sentence = _(
                "The server's certificate is not of this day ({why}), and this PC's clock says {now}. If that is not "
                "the time, set the clock of this PC; if it is, have head office look at the server's."
            ).format(why=why, now=datetime.now().astimezone().isoformat(sep=" ", timespec="minutes"))
        else:
            self.sentence = _(
                "What answers there is not the server that was accepted ({why}). If head office renewed its CA, take "
                "the old one out of {folder}; else call head office."
            ).format(why=why, folder=config_folder() / "trusted")


class SignedOut(ClientError):
    pass


class Refused(ClientError):
    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.status = status


class Defect(ClientError):
    pass


@contextmanager
def translated() -> Iterator[None]:
    """The transport's errors become ours here and nowhere else."""
    try:
        yield
    except httpx2.TransportError as error:
        if (cause := _unproven(error)) is not None:
            raise Untrusted(cause.verify_message or str(cause), cause.verify_code) from error
        if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout):
            raise Unreached(str(error) or type(error).__name__) from error
        raise Away(str(error) or type(error).__name__) from error
    except (httpx2.DecodingError, httpx2.InvalidURL) as error:
        raise Defect(str(error)) from error


def _unproven(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """What is wrong with the certificate, if that is what went wrong."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error
        error = error.__cause__ or error.__context__
    return None


def judge(response: httpx2.Response, *, signing_in: bool = False) -> None:
    """Raise what an answer that is no success means."""
    status = response.status_code
    try:
        sentence = Problem.model_validate_json(response.content).detail
    except ValidationError:
        if status in (502, 503, 504):  # of a proxy
            raise Away(f"HTTP {status}") from None
        raise Defect(f"HTTP {status} {response.request.method} {response.request.url.path}") from None
    if status == 503:
        raise Unable(sentence)
    if status == 401 and not signing_in:
        raise SignedOut(sentence)
    if status >= 500:
        raise Defect(sentence)
    raise Refused(sentence, status)
