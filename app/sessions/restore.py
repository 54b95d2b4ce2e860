"""What a restored backup means for sessions."""

from app.foundation.restoration import RestoreRule

RULES = (
    RestoreRule(
        table="sessions", statement="UPDATE sessions SET ended_at = $1, end_reason = 'restored' WHERE ended_at IS NULL"
    ),
)
