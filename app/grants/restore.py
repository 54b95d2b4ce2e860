"""What a restored backup means for grants, and the refresh tokens that hang from them."""

from app.foundation.restoration import RestoreRule

RULES = (RestoreRule(table="grants", statement="UPDATE grants SET revoked_at = $1 WHERE revoked_at IS NULL"),)
