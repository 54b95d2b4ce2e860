"""What a restored backup means for sign-ins at the pages."""

from app.foundation.restoration import dropped

RULES = dropped("hosted_sign_ins")
