"""What a restored backup means for passkeys' challenges."""

from app.foundation.restoration import dropped

RULES = dropped("passkey_challenges")
