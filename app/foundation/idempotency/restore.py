"""What a restored backup means for kept answers: they speak of what may not have happened any more."""

from app.foundation.restoration import dropped

RULES = dropped("kept_answers")
