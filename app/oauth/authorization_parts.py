"""The services of the authorization endpoint."""

from dataclasses import dataclass

from app.foundation.parts import Parts
from app.oauth.authorization import Authorization
from app.oauth.explanations import Explanations
from app.oauth.id_token_hint import IDTokenHints


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationParts(Parts):
    """What `wiring.authorization` builds."""

    authorization: Authorization
    explanations: Explanations
    hints: IDTokenHints
