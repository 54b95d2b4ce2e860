"""What a restored backup means for SAML: what waited for a browser is over. What was seen stays seen."""

from app.foundation.restoration import dropped

RULES = dropped("saml_arrivals")
