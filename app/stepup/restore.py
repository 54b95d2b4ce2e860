"""What a restored backup means for challenges."""

from app.foundation.restoration import dropped

RULES = dropped("action_challenges")
