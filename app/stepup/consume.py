"""Spending action tokens: once, everywhere."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from app.audiences.service import Audiences
from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog, alarmed
from app.clients.authenticate import AuthenticatedClient
from app.clients.rules import ServiceScope
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.origin import Origin
from app.protocols.jose.claims import LEEWAY_SECONDS, TokenClaims
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys
from app.stepup import store
from app.stepup.events import ActionTokenConsumed, ActionTokenRefused
from app.stepup.rules import ACTION_TYPE


@dataclass(frozen=True, slots=True, kw_only=True)
class Consumption:
    """What a service is about to do. `id` is its own name for this one try, the same when it has to ask again."""

    id: str
    action: str
    request_hash: str | None


class ActionTokenConsumption:
    """Answers whether an action token counts, at most once with yes."""

    def __init__(
        self, db: Database, clock: Clock, *, audit: AuditLog, audiences: Audiences, keys: SigningKeys, issuer: str
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._keys = keys
        self._issuer = issuer

    async def consume(
        self, client: AuthenticatedClient, raw_token: str, consumption: Consumption, origin: Origin
    ) -> str | None:
        """Spend a token for the service that asks and return whose it was; None where it does not count.

        Raises MissingServiceScope, DatabaseUnavailable.
        """
        audience = await self._audiences.get(client.require_service(ServiceScope.INTROSPECTION))
        actor = Actor(ActorKind.CLIENT, client.client_id)
        token: TokenClaims | None = None
        try:
            token = await self._keys.verify(raw_token, typ=ACTION_TYPE, issuer=self._issuer, audience=audience.aud)
        except InvalidToken as error:
            reason = error.detail or "not accepted"
        else:
            reason = _misfit(token.members, consumption)
            if not reason and await self._spend(token, client, consumption, actor, origin):
                return token.sub
        event = ActionTokenRefused(
            actor=actor,
            origin=origin,
            subject=token.sub if token is not None else None,
            reason=reason or "spent, or its session has ended",
            action=consumption.action,
        )
        async with self._db.transaction() as tx:
            await self._audit.record(tx, event)
        return None

    async def _spend(
        self, token: TokenClaims, client: AuthenticatedClient, consumption: Consumption, actor: Actor, origin: Origin
    ) -> bool:
        claims = token.members
        event = ActionTokenConsumed(
            actor=actor,
            origin=origin,
            subject=token.sub,
            sid=claims["sid"],
            action=consumption.action,
            audience=token.audiences[0],
            jti=claims["jti"],
        )
        ends_at = datetime.fromtimestamp(token.expires_at + LEEWAY_SECONDS, UTC)
        with alarmed():
            row = await self._db.fetchrow(
                store.CONSUME,
                claims["jti"],
                consumption.id,
                client.client_id,
                claims["sid"],
                token.sub,
                self._clock.now(),
                # A minute more than it is accepted: a host whose clock lags must not find the row gone.
                ends_at + timedelta(minutes=1),
                *self._audit.values(event),
            )
        return row is not None


def _misfit(claims: Any, consumption: Consumption) -> str:
    """Why a genuine token is not for this act, for the log; empty where it is."""
    if claims["action"] != consumption.action:
        return "another action"
    # Either both know the request or none does: a token for one request is good for no other.
    return "another request" if claims.get("request_hash") != consumption.request_hash else ""
