"""A client gives back what it was issued. Spec: RFC 7009."""

from datetime import UTC, datetime

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.clients.live import ClientLiveness
from app.clients.registered import RegisteredClient
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.oauth_errors import InvalidGrant
from app.foundation.origin import Origin
from app.foundation.secrets import equal
from app.grants import store
from app.grants.access_token import TYPE
from app.grants.end import GrantEnding
from app.grants.events import TokenRevocationRefused, TokenRevoked
from app.grants.inspect import GrantInspection
from app.grants.refresh_token import PresentedToken, parse_token
from app.protocols.jose.claims import TokenClaims
from app.revocation.kinds import MARGIN, RevocationKind
from app.revocation.service import Revocations
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys


class TokenRevocation:
    """Ends an access token by itself; with a refresh token all that the user allowed by that grant.

    What is unknown, or over, needs no ending, and the answer is the same. Spec: RFC 7009 §2.2.
    """

    def __init__(
        self,
        db: Database,
        clock: Clock,
        audit: AuditLog,
        *,
        keys: SigningKeys,
        revocations: Revocations,
        ending: GrantEnding,
        inspection: GrantInspection,
        liveness: ClientLiveness,
        issuer: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._keys = keys
        self._revocations = revocations
        self._ending = ending
        self._inspection = inspection
        self._liveness = liveness
        self._issuer = issuer

    async def revoke(self, client: RegisteredClient, raw_token: str, origin: Origin) -> None:
        """End a token of this client's. Raises InvalidGrant for a live one of another client's, which stays so.

        Spec: RFC 7009 §2.1. Raises DatabaseUnavailable.
        """
        presented = parse_token(raw_token)
        if presented is not None:
            await self._revoke_refresh_token(client, presented, origin)
            return
        try:
            verified = await self._keys.verify(raw_token, typ=TYPE, issuer=self._issuer)
        except InvalidToken:
            return
        if not await self._is_live(verified):
            return
        if verified.members["client_id"] != client.client_id:
            await self._refuse(client, origin)
        await self._revoke_access_token(client, verified, origin)

    async def _revoke_refresh_token(self, client: RegisteredClient, presented: PresentedToken, origin: Origin) -> None:
        row = await self._db.fetchrow(store.JUDGE, presented.id, self._clock.now(), repeatable=True)
        if row is None or not equal(row["secret_hash"], presented.secret_hash) or not row["live"]:
            return
        if row["client_id"] != client.client_id:
            await self._refuse(client, origin)
        actor = Actor(ActorKind.CLIENT, client.client_id)
        async with self._db.transaction() as tx:
            await self._ending.end(tx, row["grant_row_id"], reason="revoked_by_client", actor=actor, origin=origin)

    async def _revoke_access_token(self, client: RegisteredClient, verified: TokenClaims, origin: Origin) -> None:
        jti = verified.members["jti"]
        event = TokenRevoked(
            actor=Actor(ActorKind.CLIENT, client.client_id),
            origin=origin,
            subject=verified.sub,
            client_id=client.client_id,
            jti=jti,
        )
        until = datetime.fromtimestamp(verified.expires_at, UTC) + MARGIN
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)
            await self._revocations.add(tx, RevocationKind.JTI, jti, reason="revoked by its client", expires_at=until)

    async def _is_live(self, verified: TokenClaims) -> bool:
        if verified.members["client_id"] == verified.sub:
            return await self._liveness.is_live(verified)
        return await self._inspection.find_live(verified) is not None

    async def _refuse(self, client: RegisteredClient, origin: Origin) -> None:
        async with self._db.transaction() as tx:
            event = TokenRevocationRefused(
                actor=Actor(ActorKind.CLIENT, client.client_id), origin=origin, client_id=client.client_id
            )
            await self._audit.record(tx, event)
        raise InvalidGrant("The token was issued to another client.")
