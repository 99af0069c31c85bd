"""Agents as ingest sees them."""

from tests.server.ingest.conftest import centre, deliver, machine, writer

__all__ = ["centre", "deliver", "machine", "writer"]
