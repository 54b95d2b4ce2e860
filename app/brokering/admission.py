"""Finding, linking or making the user of an identity: `decide` decides, and here it is done, whole or not at all."""

from dataclasses import dataclass

from app.audit.event import Actor, ActorKind
from app.audit.service import AuditLog
from app.brokering.events import FederatedSignIn
from app.federation.connector import Connection, FederatedIdentity, Linking
from app.federation.identities.decide import (
    Creates,
    Decision,
    Demands,
    How,
    Known,
    Links,
    Reason,
    Refuses,
    SignsIn,
    decide,
    decide_link,
    key_of,
)
from app.federation.identities.service import Identities
from app.foundation.db import Database, Transaction
from app.foundation.errors import Unavailable
from app.foundation.origin import Origin
from app.users.email import find_key
from app.users.errors import EmailTaken, NameRefused
from app.users.service import Users
from app.users.user import Entry, User, parse_name

# Each time somebody else was quicker by one step: with an account of that address, or with the identity itself.
_TRIES = 4


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Arrival:
    """An identity that is here, by which connection, in which flow, and from where."""

    connection: Connection
    identity: FederatedIdentity
    flow_id: str
    origin: Origin
    locale: str | None = None


class _Overtaken(Exception):
    """Somebody else did it first: look again."""


class Admission:
    """Whose an identity is from now on, whoever else does the same at the same moment."""

    def __init__(
        self, db: Database, *, audit: AuditLog, users: Users, identities: Identities, demands: Demands
    ) -> None:
        self._db = db
        self._audit = audit
        self._users = users
        self._identities = identities
        self._demands = demands

    async def admit(self, arrival: Arrival) -> User | Reason:
        """The user whom this identity signs in, or why it signs nobody in. Raises DatabaseUnavailable."""
        for _ in range(_TRIES):
            try:
                async with self._db.transaction() as tx:
                    return await self._admit(tx, arrival)
            except _Overtaken:
                continue
        raise Unavailable(detail="an identity was linked and unlinked over and over")

    async def link(self, arrival: Arrival, sub: str) -> User | Reason:
        """Let the identity be this user's, who wants it so and has just proven who they are."""
        for _ in range(_TRIES):
            try:
                async with self._db.transaction() as tx:
                    return await self._link(tx, arrival, sub)
            except _Overtaken:
                continue
        raise Unavailable(detail="an identity was linked and unlinked over and over")

    async def _admit(self, tx: Transaction, arrival: Arrival) -> User | Reason:
        known = await self._known(tx, arrival)
        decision = decide(arrival.identity, arrival.connection.policy, known, self._demands)
        if isinstance(decision, Refuses):
            return decision.reason
        user = await self._done(tx, arrival, decision)
        await self._note_use(tx, arrival)
        event = FederatedSignIn(
            actor=Actor(ActorKind.USER, user.sub),
            origin=arrival.origin,
            subject=user.sub,
            provider=arrival.connection.id,
            issuer=arrival.identity.issuer,
            flow_id=arrival.flow_id,
        )
        await self._audit.record(tx, event)
        if isinstance(decision, Creates) and decision.waits:
            return Reason.UNCONFIRMED
        return user

    async def _link(self, tx: Transaction, arrival: Arrival, sub: str) -> User | Reason:
        wanted_by = await self._users.find_by_sub(tx, sub)
        held = None if wanted_by is None else await self._users.hold(tx, wanted_by.id)
        if held is None:
            return Reason.INACTIVE
        identity = arrival.identity
        linked = await self._identities.find(tx, identity.issuer, identity.subject)
        owner = None if linked is None else await self._users.find(tx, linked.user_id)
        is_anothers = linked is not None and linked.kind not in (None, arrival.connection.kind)
        decision = decide_link(Known(linked=owner, is_anothers=is_anothers), held)
        if isinstance(decision, Refuses):
            return decision.reason
        return await self._done(tx, arrival, decision)

    async def _known(self, tx: Transaction, arrival: Arrival) -> Known:
        identity = arrival.identity
        linked = await self._identities.find(tx, identity.issuer, identity.subject)
        if linked is not None:
            is_anothers = linked.kind not in (None, arrival.connection.kind)
            return Known(linked=await self._users.find(tx, linked.user_id), is_anothers=is_anothers)
        key = key_of(identity)
        owner = None if key is None else await self._users.find_by_key(tx, key)
        if owner is not None and arrival.connection.policy.linking is not Linking.NEVER:
            # From here on their address and its proof stay what they are.
            owner = await self._users.hold(tx, owner.id)
            if owner is None or find_key(owner.email) != key:
                raise _Overtaken
        return Known(owner=owner)

    async def _done(self, tx: Transaction, arrival: Arrival, decision: Decision) -> User:
        match decision:
            case SignsIn(user=user, proves_address=proves):
                actor = Actor(ActorKind.USER, user.sub)
                return (
                    await self._users.mark_verified(tx, user.id, actor=actor, origin=arrival.origin) if proves else user
                )
            case Links(user=user, how=how):
                await self._linked(tx, arrival, user, how)
                return user
            case Creates(verified=verified):
                user = await self._create(tx, arrival, verified=verified)
                await self._linked(tx, arrival, user, How.CREATED)
                return user
            case Refuses():
                raise RuntimeError("a refusal is answered before")

    async def _create(self, tx: Transaction, arrival: Arrival, *, verified: bool) -> User:
        identity = arrival.identity
        try:
            return await self._users.create(
                tx,
                email=identity.email or "",
                entry=Entry.FEDERATION,
                origin=arrival.origin,
                name=_name(identity),
                verified=verified,
                locale=arrival.locale,
            )
        except EmailTaken as error:
            raise _Overtaken from error

    async def _linked(self, tx: Transaction, arrival: Arrival, user: User, how: How) -> None:
        actor = Actor(ActorKind.USER, user.sub)
        kind, origin = arrival.connection.kind, arrival.origin
        if not await self._identities.link(tx, user, arrival.identity, kind=kind, how=how, actor=actor, origin=origin):
            # All that was written in this try goes with it, a new user too.
            raise _Overtaken

    async def _note_use(self, tx: Transaction, arrival: Arrival) -> None:
        identity = arrival.identity
        linked = await self._identities.find(tx, identity.issuer, identity.subject)
        if linked is None:
            raise _Overtaken
        connection = arrival.connection
        keeps = connection.policy.keeps_refresh_token
        await self._identities.note_use(tx, linked, identity, kind=connection.kind, keeps_refresh_token=keeps)


def _name(identity: FederatedIdentity) -> str | None:
    """A name that an account may bear; what cannot be one is no reason to turn its person away."""
    parts = " ".join(part for part in (identity.given_name, identity.family_name) if part)
    try:
        return parse_name(identity.name or parts or None)
    except NameRefused:
        return None
