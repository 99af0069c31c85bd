"""The tables health writes many rows of: columns in order, PostgreSQL's types, and what becomes of a row there is."""

from server.ingest.link import Bulk

HEALTH = Bulk(
    "health",
    {
        "subject_id": "int8",
        "standing": "varchar",
        "since": "int8",
        "fresh_until": "int8",
        "device": "varchar",
        "seen_at": "int8",
        "as_of": "int8",
        "due_at": "int8",
        "record_id": "int8",
        "state": "text",
    },
    ("subject_id",),
)
VOICE = Bulk("voice", {"agent_id": "int8", "shard": "int2", "due_at": "int8", "state": "text"}, ("agent_id", "shard"))
# Added to in the database itself: what is there is not read for it. Of two sums of an hour the later has the last word.
ROLL_UP = Bulk(
    "roll_up",
    {
        "subject_id": "int8",
        "metric": "varchar",
        "hour": "int8",
        "n": "int4",
        "low": "float8",
        "high": "float8",
        "weighted": "float8",
        "seconds": "float8",
        "last": "float8",
        "last_at": "int8",
    },
    ("subject_id", "metric", "hour"),
    merged={
        "n": "roll_up.n + excluded.n",
        "low": "CASE WHEN excluded.low < roll_up.low THEN excluded.low ELSE roll_up.low END",
        "high": "CASE WHEN excluded.high > roll_up.high THEN excluded.high ELSE roll_up.high END",
        "weighted": "roll_up.weighted + excluded.weighted",
        "seconds": "roll_up.seconds + excluded.seconds",
        "last": "CASE WHEN excluded.last_at >= roll_up.last_at THEN excluded.last ELSE roll_up.last END",
        "last_at": "CASE WHEN excluded.last_at > roll_up.last_at THEN excluded.last_at ELSE roll_up.last_at END",
    },
)
