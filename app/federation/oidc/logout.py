"""A provider's logout token: whose session there is over. Spec: OpenID Connect Back-Channel Logout 1.0 §2.6.

A replay is bounded without a memory of every `jti`: a token counts for ten minutes from its making, and speaks only of
sessions that began before it.
"""

from app.federation.connector import Connection, Refusal, SignInRefused, UpstreamLogout
from app.federation.oidc.code_flow import CodeFlow
from app.federation.oidc.reach import Named
from app.federation.oidc.setup import read_oidc
from app.federation.oidc.tokens import Signatures, Upstream
from app.foundation.clock import Clock
from app.protocols.oidc.upstream_logout import TYPES, check_logout_token
from app.protocols.oidc.upstream_token import TokenRefused
from app.protocols.trace import Trace


class UpstreamLogouts:
    """Verifies logout tokens."""

    def __init__(self, code_flow: CodeFlow, signatures: Signatures, clock: Clock) -> None:
        self._code_flow = code_flow
        self._signatures = signatures
        self._clock = clock

    async def verified(self, connection: Connection, raw_token: str, trace: Trace) -> UpstreamLogout:
        """What a token says, once it is the provider's and meant for us. Raises SignInRefused."""
        setup = read_oidc(connection.preset, connection.config)
        named = Named(setup.hosts, connection.from_settings)
        upstream = Upstream(setup=setup, metadata=await self._code_flow.metadata(setup, named, trace), named=named)
        token = await self._signatures.verified(raw_token, upstream, trace, types=TYPES, what="logout_token")
        try:
            claims = check_logout_token(
                token.claims, issuer=setup.issuer, client_id=setup.client_id, now=self._clock.now(), trace=trace
            )
        except TokenRefused as error:
            raise SignInRefused(Refusal.FORGED, str(error)) from error
        return UpstreamLogout(
            issuer=claims.issuer,
            subject=claims.subject,
            session=claims.session,
            issued_at=claims.issued_at,
            jti=claims.jti,
        )
