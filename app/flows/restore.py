"""What a restored backup means for flows: those that have ended since could be taken up again."""

from app.foundation.restoration import dropped

RULES = dropped("flows")
