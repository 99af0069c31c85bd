"""What of a batch had not come before, and what follows from it for the numbers of its stream. Pure."""

from dataclasses import dataclass

from agent.wire import Event, EventName
from server.ingest.batch import Incoming, Parcel
from server.ingest.intervals import HeldFor
from server.ingest.numbers import Numbers
from server.ingest.places import Place
from server.ingest.ranges import Ranges, holds, joined


@dataclass(frozen=True, slots=True)
class Delayed:
    """A hold in order that does not simply go on from the newest state: that is of another stream, or none."""

    place: Place
    seq: int
    held: HeldFor


class Arrivals:
    """The records of one batch that had not come before, and what follows for the numbers of their stream."""

    def __init__(self, numbers: Numbers, unbroken: Ranges, overtaken: int, parcel: Parcel) -> None:
        settled, self.before = numbers.settled, unbroken
        self.top = settled[-1][1] if settled else 0
        self._overtaken = overtaken
        self.fresh = [incoming for incoming in parcel.records if not holds(settled, incoming.seq)]
        self.unbroken_from = self.before[-1][0] if self.before and self.before[-1][1] == self.top else self.top + 1
        self.starts: set[int] = set()  # where in-order records follow on something that is missing
        self.delayed: list[Delayed] = []

    def follows(self, incoming: Incoming) -> bool:
        """Whether it is the newest of its stream, and of those that go on from it."""
        if incoming.seq <= self.top or incoming.seq < self._overtaken:
            return False
        if incoming.seq != self.top + 1:
            self.unbroken_from = incoming.seq
            self.starts.add(incoming.seq)
        if incoming.state_of == "":
            self.unbroken_from = incoming.seq + 1
        self.top = incoming.seq
        return True

    def added_to(self, numbers: Numbers) -> Numbers:
        unreadable = {incoming.seq for incoming in self.fresh if incoming.state_of == ""}
        return numbers.with_more(
            (incoming.seq for incoming in self.fresh if incoming.seq not in unreadable),
            unreadable,
            thinned=self.given_up(EventName.THINNING),
            lost=self.given_up(EventName.GAP),
        )

    def elsewhere(self) -> set[str]:
        """The other streams whose numbers events of this batch speak of."""
        events = [one.record for one in self.fresh if isinstance(one.record, Event)]
        return {str(event.detail["stream"]) for event in events if "stream" in event.detail}

    def given_up(self, name: EventName, stream: str = "") -> Ranges:
        """Numbers that events say will never come, of another stream where one is named.

        They count as settled, or every ack would list the holes for ever.
        """
        found = []
        for incoming in self.fresh:
            event = incoming.record
            if isinstance(event, Event) and event.name is name and str(event.detail.get("stream", "")) == stream:
                lo, hi = event.detail.get("from"), event.detail.get("to")
                if isinstance(lo, int) and isinstance(hi, int) and 1 <= lo <= hi < incoming.seq:
                    found.append((lo, hi))
        return joined([], (), found)
