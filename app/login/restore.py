"""What a restored backup means for unfinished sign-ins."""

from app.foundation.restoration import dropped

RULES = dropped("pending_sign_ins")
