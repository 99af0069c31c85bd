"""What belongs to no feature: the server's own figures, the catalogue of names, and the record log for programs."""

from fastapi import APIRouter

from agent.wire import Part, Title, catalogue
from agent.wire import Word as CatalogueWord
from server import queries
from server.accounts.dependencies import Clock, ReadSession, StateOf, Viewer
from server.schemas.catalogue import CatalogueOut, Word
from server.schemas.status import AuthorityOut, Status

router = APIRouter(prefix="/api", tags=["server"])


@router.get("/authority", summary="The CA this server says is its own")
def authority(state: StateOf) -> AuthorityOut:
    """Asked by a console that meets the server for the first time; a person compares its fingerprint."""
    return AuthorityOut(ca=state.voice.trusted())


@router.get("/status", summary="What the server holds, in figures")
def status(viewer: Viewer, session: ReadSession, now: Clock) -> Status:
    """Counts are of the person's scope, but for the journal and health's lag, which are of the whole server."""
    return queries.status_out(session, now(), viewer)


@router.get("/catalogue", summary="Names of everything a reading may hold")
def get_catalogue(viewer: Viewer, session: ReadSession) -> CatalogueOut:
    """Titles in the asked-for language, so a console shows what a newer server knows."""
    known = catalogue()

    def word(entry: CatalogueWord) -> Word:
        return Word(level=entry.level.value, title=entry.en if viewer.lang == "en" else entry.zh)

    def title(entry: Title | Part) -> str:
        return entry.en if viewer.lang == "en" else entry.zh

    parts = {key: title(part) for key, part in known.part.items()}
    named = {f"{key}.{name}": title(own) for key, part in known.part.items() for name, own in part.named.items()}
    return CatalogueOut(
        device={key: word(entry) for key, entry in known.device.items()},
        parts=parts | named,
        words={key: {name: word(entry) for name, entry in part.words.items()} for key, part in known.part.items()},
        numbers={
            key: (number.en if viewer.lang == "en" else number.zh, number.unit) for key, number in known.number.items()
        },
        texts={key: title(entry) for key, entry in known.text.items()},
        classes=queries.classes(session),
    )
