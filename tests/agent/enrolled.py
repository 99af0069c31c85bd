"""An agent's folder as enrolling leaves it, without a server."""

from pathlib import Path

from agent.link.identity import Identity, keep_identity, new_key
from agent.settings import Settings


def enrolled(home: Path, server: str) -> Settings:
    """The settings of an agent whose `home` is enrolled at `server`."""
    home.mkdir(exist_ok=True)
    identity = Identity(server=server, name="server", agent="centre", code="AAAA", key=new_key())
    keep_identity(home, identity)
    return Settings(home=home, identity=identity, server=server)
