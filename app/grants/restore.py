"""What a restored backup means for grants, their codes, and the refresh tokens that hang from them."""

from app.foundation.restoration import RestoreRule, dropped

RULES = (
    RestoreRule(table="grants", statement="UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL"),
    *dropped("authorization_codes"),
)
