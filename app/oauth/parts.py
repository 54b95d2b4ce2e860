"""The services of OAuth's endpoints, and those of clients that they stand on."""

from dataclasses import dataclass

from app.clients.assertions import ClientAssertions
from app.clients.authenticate import ClientAuthentication
from app.clients.live import ClientLiveness
from app.clients.origins import ClientOrigins
from app.clients.registered import ClientDirectory
from app.consents.service import Consents
from app.foundation.parts import Parts
from app.grants.client_token import ClientTokens
from app.grants.revoke import TokenRevocation
from app.grants.userinfo import UserInfo
from app.oauth.discovery import Discovery
from app.oauth.token import TokenEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthParts(Parts):
    """What `wiring.oauth` builds."""

    directory: ClientDirectory
    authentication: ClientAuthentication
    assertions: ClientAssertions
    liveness: ClientLiveness
    tokens: ClientTokens
    origins: ClientOrigins
    consents: Consents
    endpoint: TokenEndpoint
    userinfo: UserInfo
    discovery: Discovery
    revocation: TokenRevocation
