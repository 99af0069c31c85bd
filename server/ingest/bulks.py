"""The tables of ingest as the writer writes them: columns in order, PostgreSQL's types, and the key that replaces."""

from server.ingest.link import Bulk

RECORD = Bulk(
    "record",
    {
        "id": "int8",
        "stream_id": "int8",
        "seq": "int8",
        "kind": "varchar",
        "subject_id": "int8",
        "at": "int8",
        "confidence": "int8",
        "wall": "int8",
        "boot": "int8",
        "boot_id": "varchar",
        "arrived": "int8",
        "history": "bool",
        "body": "bytea",
    },
)
RANGE = Bulk(
    "received_range", {"stream_id": "int8", "lo": "int8", "hi": "int8", "fate": "varchar"}, ("stream_id", "lo")
)
LATEST = Bulk(
    "latest",
    {
        "subject_id": "int8",
        "agent_id": "int8",
        "record_id": "int8",
        "at": "int8",
        "held_to": "int8",
        "answered": "bool",
    },
    ("subject_id", "agent_id"),
)
ATTESTED = Bulk(
    "attested",
    {
        "record_id": "int8",
        "start_at": "int8",
        "end_at": "int8",
        "subject_id": "int8",
        "agent_id": "int8",
        "good": "int4",
        "failed": "int4",
    },
    ("record_id", "start_at"),
)
OFFSET = Bulk(
    "clock_offset",
    {"agent_id": "int8", "boot_id": "varchar", "at": "int8", "offset_us": "int8", "error_us": "int8"},
)
SEEN = Bulk(
    "agent_seen",
    {
        "agent_id": "int8",
        "at": "int8",
        "version": "varchar",
        "waiting": "int4",
        "boot_id": "varchar",
        "behind": "bool",
        "hindered": "varchar",
    },
    ("agent_id",),
    "at",
)
AHEAD = Bulk(
    "ahead",
    {
        "subject_id": "int8",
        "agent_id": "int8",
        "at": "int8",
        "held_to": "int8",
        "confidence": "int8",
        "fresh": "bool",
        "body": "bytea",
    },
    ("subject_id", "agent_id"),
    "held_to",
)
