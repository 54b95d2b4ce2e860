"""Which rows of SAML are past use."""

from datetime import timedelta

from app.foundation.purge import PurgeRule

# Longer than clocks may differ: a message that counted is refused as too late by then, by everyone.
SEEN_KEPT = timedelta(minutes=10)
# A session here lives thirty days at most by default, and a year by any setting.
SESSIONS_KEPT = timedelta(days=366)

RULES = (
    # With it goes its private half. Those that sign, or will, have no such time.
    PurgeRule(table="saml_keys", order="retires_at", kept=timedelta(0)),
    PurgeRule(table="saml_seen", order="expires_at", kept=SEEN_KEPT),
    PurgeRule(table="saml_arrivals", order="expires_at", kept=timedelta(0)),
    PurgeRule(table="saml_sessions", order="created_at", kept=SESSIONS_KEPT),
)
