"""What an access token opens at the UserInfo endpoint. Spec: OpenID Connect Core §5.3."""

import json

from app.audiences.service import Audiences
from app.foundation.clock import Clock
from app.foundation.cors import note_client
from app.foundation.db import Database
from app.foundation.principal import InsufficientScope
from app.grants import store
from app.grants.access_token import FIRST_PARTY_CLIENT, TYPE
from app.grants.delegated import asked_of, person_of
from app.protocols.oidc.claim_expression import mapped_claims
from app.protocols.oidc.person import userinfo_claims
from app.protocols.oidc.scopes import OPENID
from app.roles.rules import Held
from app.roles.service import Roles
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys


class UserInfo:
    """Answers about the person of a live access token that carries `openid`, whatever its audience."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        keys: SigningKeys,
        audiences: Audiences,
        roles: Roles,
        issuer: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys
        self._audiences = audiences
        self._roles = roles
        self._issuer = issuer

    async def of(self, raw_token: str) -> dict[str, object]:
        """The claims that the token's scopes open, those asked for by name, and the client's own mappings.

        One statement on the hot pool. Raises InvalidToken, InsufficientScope, DatabaseUnavailable.
        """
        verified = await self._keys.verify(raw_token, typ=TYPE, issuer=self._issuer)
        claims = verified.members
        note_client(claims["client_id"])
        scopes = frozenset(claims["scope"].split())
        # A client's own token is about nobody, and an audience may call a scope of its own what it likes.
        if OPENID not in scopes or claims["client_id"] in {verified.sub, FIRST_PARTY_CLIENT}:
            raise InsufficientScope(OPENID)
        row = await self._db.fetchrow(
            store.USERINFO,
            claims["sid"],
            claims["grant_id"],
            verified.sub,
            self._clock.now(),
            claims["jti"],
            verified.audiences[0],
            verified.issued_at,
            repeatable=True,
        )
        if row is None:
            raise InvalidToken(detail="its session, grant, user or client is no longer live")
        held = Held.parse(row["held"])
        person = person_of(row, held, await self._roles.holdings(held, row["audience"]))
        mapped = mapped_claims(json.loads(row["mappings"] or "{}"), person)
        return mapped | userinfo_claims(person, scopes, asked_of(row).get("userinfo") or {})
