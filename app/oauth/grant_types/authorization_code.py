"""A user's tokens for the client that they allowed it. Spec: RFC 6749 §4.1.3, RFC 7636 §4.5, OIDC Core §3.1.3."""

from collections.abc import Mapping

from app.foundation.oauth_errors import InvalidRequest
from app.grants.redeem import CodePresented, CodeRedemption
from app.grants.targets import GrantTargets
from app.oauth.grant_types.grant_type import TokenRequest
from app.oauth.kernel.errors import ClientChanged
from app.protocols.oauth import pkce, registration

# What no challenge equals.
_NO_CHALLENGE = ""


class AuthorizationCode:
    """Reads what came with the code and has it redeemed."""

    name = registration.GrantType.AUTHORIZATION_CODE.value

    def __init__(self, redemption: CodeRedemption, targets: GrantTargets) -> None:
        self._redemption = redemption
        self._targets = targets

    async def redeem(self, asked: TokenRequest) -> Mapping[str, object]:
        """Access token, and as allowed refresh and ID token. Raises OAuthError, ClientChanged."""
        fields = asked.fields
        raw_code, verifier = fields.get("code"), fields.get("code_verifier")
        if not raw_code:
            raise InvalidRequest("The form needs code.")
        presented = CodePresented(
            raw_code=raw_code,
            redirect_uri=fields.get("redirect_uri") or None,
            challenge=(pkce.challenge_of(verifier) or _NO_CHALLENGE) if verifier else None,
            origin=asked.origin,
            audience=await self._targets.named(asked.client, fields.get("audience"), asked.resources),
        )
        members = await self._redemption.redeem(asked.client, presented)
        if members is None:
            raise ClientChanged
        return members
