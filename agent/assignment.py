"""What this agent is to poll: asked from the server, kept in a file, made into drivers.

The file lets the agent start without a line. It holds the devices' passwords, so it is its owner's alone.
"""

import logging
from pathlib import Path

import msgspec

from agent.files import write_private
from agent.secrets import of_this_run
from agent.tidy import tidy_text
from agent.wire import Assignment, Failure, Polled
from drivers import registry
from drivers.base import Driver, Named, Shared
from drivers.errors import NotSupported, Reason
from drivers.options import WrongOptions

CACHE = "assignment.json"

log = logging.getLogger(__name__)


class Target(msgspec.Struct, frozen=True):
    """A position and the driver that polls it, or why there is none: then every poll fails with that."""

    polled: Polled
    driver: Driver | None = None
    failure: Failure | None = None


def load(home: Path) -> Assignment | None:
    """The assignment kept from last time, or None. A torn or foreign file counts as none."""
    path = home / CACHE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Assignment)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        log.warning("The kept assignment %s cannot be read (%s); waiting for the server.", path, error)
        return None


def keep(home: Path, assignment: Assignment) -> None:
    """Put it in the place of the last. A disk that is full costs the next start without a line, and nothing now."""
    try:
        write_private(home / CACHE, msgspec.json.encode(assignment))
    except OSError as error:
        log.warning("The assignment cannot be kept in %s: %s.", home / CACHE, error.strerror)


def make_target(polled: Polled, shared: Shared) -> Target:
    """The driver of a position. What is wrong with its name, address or options becomes the position's failure."""
    try:
        kind = registry.find(polled.driver)
    except (LookupError, ImportError, AttributeError) as error:
        of_this_run().learn_options(polled, None)
        return _misfit(polled, Reason.NO_DRIVER, f"the driver {tidy_text(polled.driver)!r} is not here: {error}")
    of_this_run().learn_options(polled, kind)
    wrong = kind.check_address(polled.address)
    if wrong:
        return _misfit(polled, Reason.BAD_OPTIONS, f"the address {tidy_text(polled.address)!r} {wrong}")
    try:
        options = kind.Options.model_validate(polled.options)
    except ValueError as error:
        return _misfit(polled, Reason.BAD_OPTIONS, f"wrong options: {_said_of(error)}")
    try:
        driver = kind(polled.address, options, shared)
        if isinstance(driver, Named):
            driver.be(polled.position)
        return Target(polled, driver)
    except Exception as error:  # the border to third parties' drivers, as in poll.py
        log.error("The driver %s cannot be made for %s", polled.driver, polled.position, exc_info=error)
        return _misfit(polled, Reason.DRIVER_FAILED, f"the driver failed with {type(error).__name__} when it was made")


def _misfit(polled: Polled, reason: Reason, detail: str) -> Target:
    return Target(polled, None, Failure(NotSupported.kind, str(reason), tidy_text(of_this_run().hide(detail))))


def _said_of(error: ValueError) -> str:
    """Which options are wrong and why. Never their values: they may be passwords."""
    if isinstance(error, WrongOptions):
        return str(error)
    from pydantic import ValidationError  # here: only a third party's options may be a model of it

    if not isinstance(error, ValidationError):
        return type(error).__name__
    wrongs = (
        f"{'.'.join(map(str, one['loc'])) or 'options'}: {one['msg']}"
        for one in error.errors(include_input=False, include_url=False, include_context=False)
    )
    return "; ".join(wrongs)
