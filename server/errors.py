"""What can be said no with: a sentence in English with blanks, and what fills them, so it can be said in Chinese too.

Told
├── ServerError        a deed or a question says no; the API turns each into its status, a command into its exit code
│   ├── NotFound       there is no such thing, or it is out of the person's scope (which looks the same)
│   ├── Forbidden      the person's role may not do this
│   ├── Conflict       the thing is not in a state that allows it
│   ├── Invalid        what was said cannot be right
│   ├── Unauthorized   nobody is signed in, or not with this password
│   └── Unavailable    the server cannot do it now: its disk is full, it is shutting down
└── ...                each beside what raises it: SettingsError, NotSetUp, KeyFileError, DatabaseNewer, ...
"""

from collections.abc import Callable
from typing import ClassVar

NOT_LET_IN = "This token is not an agent's, or no longer good: POST /api/agent/token gives another."
BROKEN = "The server met a defect of its own; its log has the details."
FULL = "The server cannot write: its disk is full. Free some space; nothing that was acknowledged is lost."
AWAY = "The server cannot reach its database just now. Try again shortly."


class Told(Exception):
    """`template` is the English sentence and its own key in the catalogue of texts. A value may be one itself."""

    def __init__(self, template: str, **values: object) -> None:
        super().__init__(template.format(**values) if values else template)
        self.template = template
        self.values = values

    def say(self, translate: Callable[[str], str]) -> str:
        said = translate(self.template)
        values = {
            name: value.say(translate) if isinstance(value, Told) else value for name, value in self.values.items()
        }
        return said.format(**values) if values else said


def reason(error: OSError) -> Told:
    """What the operating system says; the usual ones are in the catalogue."""
    return Told(error.strerror or type(error).__name__)


class ServerError(Told):
    status: ClassVar[int] = 500
    reason = ""  # a word for programs, where the status says too little


class NotFound(ServerError):
    status = 404


class Forbidden(ServerError):
    status = 403


class Conflict(ServerError):
    status = 409


class Invalid(ServerError):
    status = 422


class Unauthorized(ServerError):
    status = 401


class Unavailable(ServerError):
    status = 503
