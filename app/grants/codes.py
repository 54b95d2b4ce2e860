"""Issuing authorization codes. Spec: RFC 6749 §4.1.2."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

from app.audiences.service import Audiences, AudienceView
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.secrets import hash_secret, random_secret
from app.grants import code_store
from app.grants.errors import InsufficientAuthentication, SessionOver
from app.protocols.assurance import best, satisfies
from app.protocols.oidc.scopes import OFFLINE_ACCESS
from app.roles.rules import Held
from app.roles.service import Roles


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CodeGrant:
    """What a user allowed a client, in a session of theirs in a browser.

    `session_id` and `user_id` are rows. `redirect_uri_given` says that the request named it. `challenge` is PKCE's, by
    S256; None for a client that is exempt. `scope` is what was allowed, of the audience and of the person. `claims` is
    the checked parameter of that name (OpenID Connect Core §5.5). `flow_id` is the flow that the code ends.
    """

    client_id: str
    session_id: UUID
    user_id: UUID
    redirect_uri: str
    redirect_uri_given: bool
    challenge: str | None
    nonce: str | None
    scope: tuple[str, ...]
    audience: AudienceView
    claims: Mapping[str, object] = field(default_factory=dict)
    flow_id: str | None = None


class AuthorizationCodes:
    """Issues codes: 256 random bits, good once and for `lifetime`."""

    def __init__(self, clock: Clock, audiences: Audiences, roles: Roles, *, lifetime: timedelta) -> None:
        self._clock = clock
        self._audiences = audiences
        self._roles = roles
        self._lifetime = lifetime

    async def issue(self, tx: Transaction, grant: CodeGrant) -> str:
        """The raw code; only its hash is stored.

        Raises SessionOver where session or user counts no more, InsufficientAuthentication where the audience, or a
        role that the user holds there, asks for a better proof: roll back and have the user sign in better.
        """
        now, raw_code, audience = self._clock.now(), random_secret(), grant.audience
        named = self._audiences.aud_of(audience.name)
        values = {
            "id": new_id(now),
            "code_hash": hash_secret(raw_code),
            "client_id": grant.client_id,
            "session_id": grant.session_id,
            "user_id": grant.user_id,
            "redirect_uri": grant.redirect_uri,
            "redirect_uri_given": grant.redirect_uri_given,
            "challenge": grant.challenge,
            "nonce": grant.nonce,
            "scope": " ".join(grant.scope),
            "offline": OFFLINE_ACCESS in grant.scope,
            "audience": audience.name,
            "resource": None if audience.aud == named else audience.aud,
            "claims": json.dumps(grant.claims, default=dict) if grant.claims else None,
            "flow_id": grant.flow_id,
            "now": now,
            "expires_at": now + self._lifetime,
        }
        row = await code_store.add(tx, values)
        if row is None:
            raise SessionOver(detail="session or user counts no more")
        demands = await self._roles.requirements(Held.parse(row.held), audience.name)
        required = best([*demands, *([audience.required_acr] if audience.required_acr else [])])
        if not satisfies(row.acr, required):
            raise InsufficientAuthentication.of(required)
        return raw_code
