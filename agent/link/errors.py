"""Why the server gave no answer that can be used, and what may be done about each."""


class LinkError(Exception):
    """No answer that can be used; the message is a sentence, and `zh` the same in Chinese.

    LinkError
    ├── Away             no server, a cut line, half an answer: ask again after a while
    │   ├── NoSuchName   the address has a name that nobody knows
    │   ├── NotServing   its machine is there, and nothing listens at the port
    │   └── Unable       it answers, or a proxy for it, and cannot do it now (429, 5xx of ours)
    ├── Rejected         this agent is not let in (401, 403): only a person can help
    ├── Elsewhere        something answers that is not a Branchfleet server (404, a redirect, a login page, a 5xx)
    │   ├── Untrusted    its certificate is not of the CA this agent trusts
    │   │   ├── Misnamed     it is, but made out to other names than the address
    │   │   └── Ended        it is, but its time is over
    │   └── OtherScheme  it speaks TLS and is asked without, or the other way round
    └── NotTaken         the server cannot take this batch (400, 413, 415, 422); `judged` if it said so itself
    """

    answered = False  # whether the server itself said this; a class may say so of all its errors

    def __init__(self, sentence: str, zh: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.zh = zh or sentence


class Away(LinkError):
    def __init__(self, sentence: str, zh: str = "", wait: float = 0.0) -> None:
        super().__init__(sentence, zh)
        self.wait = wait  # seconds the server asked for


class NoSuchName(Away):
    pass


class NotServing(Away):
    pass


class Unable(Away):
    answered = True


class Rejected(LinkError):
    answered = True

    def __init__(self, sentence: str, zh: str = "", *, unknown: bool, reason: str = "") -> None:
        super().__init__(sentence, zh)
        self.unknown = unknown  # 401: not this token, or not this key; another may do
        self.reason = reason  # quarantine, waiting, revoked, replaced, removed, unknown: the server's word, or ""


class Elsewhere(LinkError):
    pass


class Untrusted(Elsewhere):
    pass


class Misnamed(Untrusted):
    pass


class Ended(Untrusted):
    pass


class OtherScheme(Elsewhere):
    pass


class NotTaken(LinkError):
    answered = True

    def __init__(self, sentence: str, zh: str = "", *, judged: bool) -> None:
        super().__init__(sentence, zh)
        self.judged = judged
