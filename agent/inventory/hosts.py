"""Which positions are hosts, that say of themselves what an agent says of its own PC."""

from drivers.registry import TELL_FACTS as TELL_FACTS
