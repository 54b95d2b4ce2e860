"""The services of sign-in by SAML."""

from dataclasses import dataclass

from app.brokering.saml.answers import SAMLAnswers
from app.brokering.saml.sign_out import SAMLSignOut
from app.federation.saml.connector import SAMLConnector
from app.federation.saml.rotation import SAMLKeyRotation
from app.foundation.parts import Parts
from app.logout.elsewhere import SignOutElsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLSignInParts(Parts):
    """What `wiring.saml` builds."""

    connector: SAMLConnector
    answers: SAMLAnswers
    sign_out: SAMLSignOut
    key_rotation: SAMLKeyRotation
    elsewhere: SignOutElsewhere
