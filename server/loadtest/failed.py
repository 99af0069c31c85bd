"""What a load test ends with where the server falls short."""

from server.errors import Told


class Failed(Told):
    """The server did not do what a server must: it did not start, said no, or lost something."""
