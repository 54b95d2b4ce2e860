"""What a restored backup means for trusted browsers: those that were forgotten since would be trusted again."""

from app.foundation.restoration import dropped

RULES = dropped("trusted_browsers")
