"""Every feature's rules about a restored backup, in one place."""

from app.apikeys import restore as apikeys
from app.brokering import restore as brokering
from app.clients import restore as clients
from app.factors.email_code import restore as email_code
from app.factors.passkey import restore as passkey
from app.federation.identities import restore as identities
from app.federation.saml import restore as saml
from app.flows import restore as flows
from app.foundation.idempotency import restore as kept_answers
from app.foundation.restoration import Restoration
from app.grants import restore as grants
from app.hosted import restore as hosted
from app.links import restore as links
from app.login import restore as login
from app.revocation import restore as revocation
from app.sessions import restore as sessions
from app.stepup import restore as stepup
from app.trust import restore as trust
from app.wiring.ground import Ground

RULES = (
    *sessions.RULES,
    *grants.RULES,
    *apikeys.RULES,
    *clients.RULES,
    *revocation.RULES,
    *login.RULES,
    *hosted.RULES,
    *trust.RULES,
    *stepup.RULES,
    *links.RULES,
    *flows.RULES,
    *saml.RULES,
    *brokering.RULES,
    *identities.RULES,
    *email_code.RULES,
    *passkey.RULES,
    *kept_answers.RULES,
)


def build(ground: Ground) -> Restoration:
    """Build it. Nothing is connected before it is applied."""
    return Restoration(ground.settings.database.url.get_secret_value(), ground.clock, RULES)
