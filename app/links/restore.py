"""What a restored backup means for mailed links: those that were used since would open again."""

from app.foundation.restoration import dropped

RULES = dropped("links")
