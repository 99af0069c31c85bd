"""A full disk, as each database says it."""

# The last one is said where a database is only opened: the index of its log (-shm) finds no room.
_SQLITE = ("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE")


def disk_is_full(error: BaseException) -> bool:
    """SQLITE_FULL, or PostgreSQL's class 53 (disk_full)."""
    original = getattr(error, "orig", error)
    if getattr(original, "sqlite_errorname", "") in _SQLITE:
        return True
    return getattr(original, "sqlstate", None) == "53100"
