"""What publishes revocations and chains the log, and follows, in one process."""

from collections.abc import Mapping

from app.audit.chaining import AuditChaining
from app.audit.heads import HEAD_TYP, HeadSigning
from app.revocation.feed import Feed
from app.revocation.keep_filter import FilterKeeper
from app.revocation.publish import Publisher
from app.wiring.ground import Ground


def build_feed(ground: Ground) -> Feed:
    """Build the feed of a process; signed heads bear a signature of the default algorithm."""
    keys, settings = ground.keys, ground.settings

    def sign(claims: Mapping[str, object]) -> str:
        return keys.sign(claims, algorithm=settings.jwt.algorithm, typ=HEAD_TYP)

    heads = HeadSigning(ground.clock, sign, settings.audit, issuer=ground.issuer)
    return Feed(ground.db, ground.wake, AuditChaining(heads), publisher=Publisher(), follower=ground.follower)


def build_filter_keeper(ground: Ground, feed: Feed) -> FilterKeeper:
    """Build what keeps the filter of revocations where this process publishes."""
    return FilterKeeper(ground.db, ground.clock, ground.filter, follower=ground.follower, publisher=feed.publisher)
