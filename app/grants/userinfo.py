"""What an access token opens at the UserInfo endpoint. Spec: OpenID Connect Core §5.3."""

from datetime import UTC, datetime

from app.foundation.clock import Clock
from app.foundation.cors import note_client
from app.foundation.db import Database
from app.foundation.principal import InsufficientScope
from app.grants import store
from app.grants.access_token import FIRST_PARTY_CLIENT, TYPE
from app.grants.live_tokens import LiveTokens, Told
from app.protocols.oidc.claim_expression import mapped_claims
from app.protocols.oidc.person import Person, userinfo_claims
from app.protocols.oidc.scopes import OPENID
from app.roles.rules import Held, Holdings
from app.roles.service import Roles
from app.signing_keys.errors import InvalidToken
from app.signing_keys.service import SigningKeys


class UserInfo:
    """Answers about the person of a live access token that carries `openid`, whatever its audience."""

    def __init__(self, db: Database, clock: Clock, *, keys: SigningKeys, roles: Roles, issuer: str) -> None:
        self._keys = keys
        self._roles = roles
        self._issuer = issuer
        self._people = LiveTokens(db, clock, store.USERINFO)

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
        told = await self._people.find(verified)
        if told is None:
            raise InvalidToken(detail="its session, grant, user or client is no longer live")
        held = Held.of(told["held"])
        person = _person_of(told, held, await self._roles.holdings(held, told["audience"]))
        mapped = mapped_claims(told["mappings"] or {}, person)
        return mapped | userinfo_claims(person, scopes, (told["claims"] or {}).get("userinfo") or {})


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
