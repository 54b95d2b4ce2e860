"""What a restored backup means for mailed codes."""

from app.foundation.restoration import dropped

RULES = dropped("email_codes")
