"""Refusals of the feed."""

from app.foundation.errors import Gone, Unavailable


class CursorExpired(Gone):
    """The cursor belongs to a counting that is over, or so much came after it that a snapshot is cheaper."""

    code, title = "cursor_expired", "Begin with a snapshot"


class FeedNotReady(Unavailable):
    """This process has not yet read the registry, or serves as many followers as it may."""

    code, title = "feed_not_ready", "The feed is not ready"
