"""What a restored backup means for API keys: those that were revoked since are not to be told from the others."""

from app.foundation.restoration import RestoreRule

RULES = (
    RestoreRule(
        table="api_keys",
        statement="UPDATE api_keys SET revoked_at = $1, revoke_reason = 'restored' WHERE revoked_at IS NULL",
    ),
)
