"""New tokens for a refresh token. Spec: RFC 6749 §6, OIDC Core §12."""

from collections.abc import Mapping

from app.foundation.oauth_errors import InvalidGrant, InvalidRequest
from app.grants.delegated import DelegatedTokens, RefreshPart
from app.grants.errors import InvalidRefreshToken, RefreshTokenReused
from app.grants.rotate import RefreshTokenRotation
from app.grants.rotation import RefreshRequest
from app.grants.scope import parse_scope
from app.grants.targets import GrantTargets
from app.oauth.grant_types.grant_type import TokenRequest
from app.oauth.kernel.errors import ClientChanged
from app.protocols.oauth import registration


class RefreshToken:
    """Rotates the token as for our own clients, and signs what the grant amounts to now."""

    name = registration.GrantType.REFRESH_TOKEN.value

    def __init__(self, rotation: RefreshTokenRotation, tokens: DelegatedTokens, targets: GrantTargets) -> None:
        self._rotation = rotation
        self._tokens = tokens
        self._targets = targets

    async def redeem(self, asked: TokenRequest) -> Mapping[str, object]:
        """Access token, successor, and ID token where `openid` was granted. Raises OAuthError, ClientChanged."""
        fields, client = asked.fields, asked.client
        raw_token = fields.get("refresh_token")
        if not raw_token:
            raise InvalidRequest("The form needs refresh_token.")
        request = RefreshRequest(
            client_id=client.client_id,
            audience=None,
            origin=asked.origin,
            version=client.version,
            scope=parse_scope(fields.get("scope")),
            target=await self._targets.named(client, fields.get("audience"), asked.resources),
        )
        try:
            rotated = await self._rotation.rotate(raw_token, request, None)
        except (InvalidRefreshToken, RefreshTokenReused) as error:
            raise InvalidGrant(detail=str(error)) from error
        if rotated is None:
            raise ClientChanged
        target = request.target
        return await self._tokens.sign(
            client,
            rotated.row,
            read_at=rotated.read_at,
            refresh=RefreshPart(raw_token=rotated.refresh_token, expires_in=rotated.refresh_expires_in),
            scope=request.scope,
            resource=None if target is None else target.aud,
        )
