"""What a restored backup means for the feed: its numbers begin anew, so that followers take a snapshot."""

from app.foundation.restoration import RestoreRule

RULES = (
    RestoreRule(
        table="revocation_feed",
        statement="UPDATE revocation_feed SET epoch = gen_random_uuid() WHERE $1::timestamptz IS NOT NULL",
    ),
)
