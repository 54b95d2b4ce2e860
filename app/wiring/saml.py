"""Sign-in and sign-out by SAML providers."""

from app.brokering.parts import BrokeringParts
from app.brokering.saml.answers import SAMLAnswers
from app.brokering.saml.parts import SAMLSignInParts
from app.brokering.saml.sign_out import SAMLSignOut
from app.federation.providers.parts import FederationParts
from app.federation.saml.parts import SAMLParts
from app.grants.by_cookie import BrowserInspection
from app.logout.elsewhere import SignOutElsewhere
from app.logout.service import BrowserSignOut
from app.wiring.ground import Ground


def build_saml(
    ground: Ground,
    saml: SAMLParts,
    federation: FederationParts,
    brokering: BrokeringParts,
    *,
    browsers: BrowserInspection,
    sign_out: BrowserSignOut,
) -> SAMLSignInParts:
    """Build it. No provider is asked before somebody signs in by it."""
    return SAMLSignInParts(
        connector=saml.connector,
        key_rotation=saml.rotation,
        answers=SAMLAnswers(
            providers=federation.providers,
            connector=saml.connector,
            parked=saml.parked,
            arrivals=brokering.arrivals,
            conclusions=brokering.conclusions,
            guard=brokering.guard,
            limits=ground.limits,
        ),
        sign_out=SAMLSignOut(
            ground.db,
            logout=saml.logout,
            logouts=brokering.logouts,
            identities=ground.identities,
            browsers=browsers,
            sign_out=sign_out,
        ),
        elsewhere=SignOutElsewhere(ground.db, ground.identities, federation.providers, saml.logout),
    )
