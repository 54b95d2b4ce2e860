"""How old the news is: the feed's times tied to this process's monotonic clock, with a look at the wall clock."""

MAX_SKEW_SECONDS = 30.0
"""A host whose clock is further from the service's cannot judge tokens: it is told so, and everything is asked."""
WARN_SKEW_SECONDS = 2.0
WINDOW_SECONDS = 300.0
"""The quickest batch of the last one or two windows ties the clocks together; a step of the service's clock heals."""
MAX_STALENESS_SECONDS = 240.0
"""Within a window, so that times which stand still are always noticed."""


class ClockOff(Exception):  # a state of this host, answered by the caller
    """This host's clock and the service's are too far apart; the message says by how much."""


class FeedClock:
    """Translates between the service's time, in which batches speak, and monotonic time.

    The wall clock decides nothing but whether it is too far off: a skew of seconds must neither hide old news nor
    make good news look old. Of all batches the one that came quickest tells the difference best.
    """

    __slots__ = ("_difference", "_former", "_newest", "_since", "skew_seconds")

    def __init__(self) -> None:
        self._difference: float | None = None
        self._former: float | None = None
        self._since = self._newest = 0.0
        self.skew_seconds = 0.0

    def note(self, as_of: float, *, now: float, wall: float) -> float:
        """Learn from a batch that came `now`, and return the monotonic moment of its `as_of`. Raises ClockOff."""
        difference = as_of - now
        known = [value for value in (self._difference, self._former) if value is not None]
        best = max([difference, *known])
        skew = wall - (now + best)
        if abs(skew) > MAX_SKEW_SECONDS:
            ahead = "ahead of" if skew > 0 else "behind"
            raise ClockOff(
                f"this host's clock is {abs(skew):.0f} s {ahead} the authentication service's, at most "
                f"{MAX_SKEW_SECONDS:.0f} s can be borne (or the feed is that old): check NTP on this host"
            )
        self.skew_seconds = skew
        if as_of <= self._newest:
            # A time that stands still tells nothing of clocks, only of news that do not come.
            return as_of - best
        self._newest = as_of
        if self._difference is None or now - self._since >= WINDOW_SECONDS:
            self._former, self._difference, self._since = self._difference, difference, now
        else:
            self._difference = max(self._difference, difference)
        return as_of - best

    def service_time(self, now: float, wall: float) -> float:
        """The service's time at a monotonic moment; by the wall clock where nothing was heard yet."""
        known = [value for value in (self._difference, self._former) if value is not None]
        return now + max(known) if known else wall
