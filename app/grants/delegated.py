"""The tokens of a user that a client gets: an access token, and an ID token where it asked for `openid`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic_core import from_json

from app.audiences.service import Audiences, AudienceView
from app.clients.registered import RegisteredClient
from app.foundation.clock import Clock
from app.grants import store
from app.grants.access_token import TokenContext, TokenSubject
from app.grants.mint import AccessTokenMinter
from app.protocols.oidc.claim_expression import mapped_claims
from app.protocols.oidc.id_token import TYPE, SignedIn, at_hash, id_token_claims
from app.protocols.oidc.person import Person, asked_claims
from app.protocols.oidc.scopes import OPENID
from app.roles.rules import Held, Holdings
from app.roles.service import Roles
from app.signing_keys.service import SigningKeys

Row = Mapping[str, Any]
"""A row of one of the statements on grants: it selects the subject's columns."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RefreshPart:
    """The refresh token of an answer, and its life in seconds."""

    raw_token: str
    expires_in: int


class DelegatedTokens:
    """Signs what a grant to a client amounts to now."""

    def __init__(
        self,
        clock: Clock,
        *,
        audiences: Audiences,
        roles: Roles,
        keys: SigningKeys,
        minter: AccessTokenMinter,
        issuer: str,
        id_token_seconds: int,
    ) -> None:
        self._clock = clock
        self._audiences = audiences
        self._roles = roles
        self._keys = keys
        self._minter = minter
        self._issuer = issuer
        self._id_token_seconds = id_token_seconds

    async def sign(
        self,
        client: RegisteredClient,
        row: Row,
        *,
        read_at: datetime,
        refresh: RefreshPart | None,
        nonce: str | None = None,
        scope: tuple[str, ...] | None = None,
        resource: str | None = None,
    ) -> dict[str, object]:
        """The members of the token response. `scope` and `resource` narrow this one access token.

        Call it when the grant has committed: signing holds no connection. `read_at` is a moment before `row` was read.
        """
        audience = await audience_of(self._audiences, row)
        if resource is not None:
            audience = replace(audience, aud=resource)
        held = Held.parse(row["held"])
        holdings = await self._roles.holdings(held, audience.name)
        requested = scope if scope is not None else tuple(row["scope"].split())
        subject, context = store.subject_of(row, held), store.context_of(row)
        minted = await self._minter.mint(
            held=held,
            read_at=read_at,
            subject=subject,
            context=context,
            audience=audience,
            holdings=holdings,
            requested=requested,
        )
        members: dict[str, object] = {
            "access_token": minted.raw_token,
            "token_type": "Bearer",
            "expires_in": minted.expires_in,
            "scope": minted.scope,
        }
        if refresh is not None:
            members |= {"refresh_token": refresh.raw_token, "refresh_expires_in": refresh.expires_in}
        if OPENID in requested:
            person = person_of(row, subject, holdings)
            members["id_token"] = await self._id_token(
                client, row, context, person, nonce=nonce, access_token=minted.raw_token
            )
        return members

    async def _id_token(
        self,
        client: RegisteredClient,
        row: Row,
        context: TokenContext,
        person: Person,
        *,
        nonce: str | None,
        access_token: str,
    ) -> str:
        algorithm = client.id_token_signed_response_alg
        # A client may have been given it elsewhere a moment ago.
        await self._keys.ensure(algorithm)
        claims = id_token_claims(
            issuer=self._issuer,
            sub=person.sub,
            client_id=client.client_id,
            now=self._clock.now(),
            lifetime_seconds=self._id_token_seconds,
            signed_in=SignedIn(
                auth_time=context.auth_time, acr=context.acr, amr=context.amr, sid=row["browser_sid"] or context.sid
            ),
            nonce=nonce,
            at_hash=at_hash(access_token, algorithm),
            more=mapped_claims(client.claim_mappings, person)
            | asked_claims(person, asked_of(row).get("id_token") or {}),
        )
        return self._keys.sign(claims, algorithm=algorithm, typ=TYPE)


async def audience_of(audiences: Audiences, row: Row) -> AudienceView:
    """The audience of a grant, by the resource URI that it was asked by. Raises InvalidTarget where it is gone."""
    view = await audiences.get(row["audience"])
    return view if row["resource"] is None else replace(view, aud=row["resource"])


def asked_of(row: Row) -> Mapping[str, Any]:
    """The checked `claims` parameter of a grant."""
    asked: Mapping[str, Any] = from_json(row["claims"]) if row["claims"] is not None else {}
    return asked


def person_of(row: Row, subject: TokenSubject, holdings: Holdings) -> Person:
    """The person in a row, with the roles that they hold at its audience."""
    return Person(
        sub=subject.sub,
        email=subject.email,
        email_verified=subject.email_verified,
        name=subject.name,
        locale=row["locale"],
        updated_at=row["updated_at"],
        attributes=subject.attributes,
        groups=subject.groups,
        roles=holdings.roles,
    )
