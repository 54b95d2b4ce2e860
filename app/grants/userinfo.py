"""What an access token opens at the UserInfo endpoint. Spec: OpenID Connect Core §5.3."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic_core import to_json

from app.foundation.clock import Clock
from app.foundation.cors import note_client
from app.foundation.db import Database
from app.foundation.gathering import Gathering
from app.foundation.principal import InsufficientScope
from app.grants import store
from app.grants.access_token import FIRST_PARTY_CLIENT, TYPE
from app.protocols.jose.claims import TokenClaims
from app.protocols.oidc.claim_expression import mapped_claims
from app.protocols.oidc.person import Person, userinfo_claims
from app.protocols.oidc.scopes import OPENID
from app.roles.rules import Held, Holdings
from app.roles.service import Roles
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys

Told = Mapping[str, Any]
"""What `store.USERINFO` says of one token."""


class UserInfo:
    """Answers about the person of a live access token that carries `openid`, whatever its audience."""

    def __init__(self, db: Database, clock: Clock, *, keys: SigningKeys, roles: Roles, issuer: str) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys
        self._roles = roles
        self._issuer = issuer
        self._reading = Gathering[TokenClaims, Told | None](self._read)

    async def of(self, raw_token: str) -> dict[str, object]:
        """The claims that the token's scopes open, those asked for by name, and the client's own mappings.

        One statement on the hot pool, for all who ask at one moment. Raises InvalidToken, InsufficientScope,
        DatabaseUnavailable.
        """
        verified = await self._keys.verify(raw_token, typ=TYPE, issuer=self._issuer)
        claims = verified.members
        note_client(claims["client_id"])
        scopes = frozenset(claims["scope"].split())
        # A client's own token is about nobody, and an audience may call a scope of its own what it likes.
        if OPENID not in scopes or claims["client_id"] in {verified.sub, FIRST_PARTY_CLIENT}:
            raise InsufficientScope(OPENID)
        told = await self._reading.ask(verified)
        if told is None:
            raise InvalidToken(detail="its session, grant, user or client is no longer live")
        held = Held.of(told["held"])
        person = _person_of(told, held, await self._roles.holdings(held, told["audience"]))
        mapped = mapped_claims(told["mappings"] or {}, person)
        return mapped | userinfo_claims(person, scopes, (told["claims"] or {}).get("userinfo") or {})

    async def _read(self, tokens: Sequence[TokenClaims]) -> Sequence[Told | None]:
        asked = to_json([_question(place, token) for place, token in enumerate(tokens)]).decode()
        row = await self._db.fetchrow(store.USERINFO, asked, self._clock.now(), repeatable=True)
        told = dict[int, Told](json.loads(row[0]) if row is not None and row[0] is not None else ())
        return [told.get(place) for place in range(len(tokens))]


def _question(place: int, token: TokenClaims) -> dict[str, object]:
    claims = token.members
    return {
        "place": place,
        "sid": claims["sid"],
        "grant_id": claims["grant_id"],
        "sub": token.sub,
        "jti": claims["jti"],
        "aud": token.audiences[0],
        "iat": token.issued_at,
    }


def _person_of(told: Told, held: Held, holdings: Holdings) -> Person:
    return Person(
        sub=told["sub"],
        email=told["email"],
        email_verified=told["email_verified"],
        name=told["name"],
        locale=told["locale"],
        updated_at=datetime.fromtimestamp(told["updated_at"], UTC),
        attributes=told["attributes"],
        groups=held.groups,
        roles=holdings.roles,
    )
