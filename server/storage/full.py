"""A full disk, as each database says it."""


def disk_is_full(error: BaseException) -> bool:
    """SQLITE_FULL, or PostgreSQL's class 53 (disk_full)."""
    original = getattr(error, "orig", error)
    if getattr(original, "sqlite_errorname", "") in ("SQLITE_FULL", "SQLITE_IOERR_WRITE"):
        return True
    return getattr(original, "sqlstate", None) == "53100"
