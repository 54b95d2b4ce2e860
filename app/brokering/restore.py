"""What a restored backup means for codes."""

from app.foundation.restoration import dropped

RULES = dropped("exchange_codes")
