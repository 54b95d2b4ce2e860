"""Registering audiences and changing them."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from app.audiences import rules, store
from app.audiences.definition import AudienceDefinition, check
from app.audiences.errors import AudienceClash, AudienceExists, AudienceNotFound, InvalidAudience
from app.audiences.events import AudienceCreated, AudienceUpdated
from app.audiences.service import Audiences, KeySets
from app.audit.event import Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.errors import StartupRefused, Unavailable
from app.foundation.ids import new_id
from app.foundation.origin import Origin


class AudienceRegistration:
    """The use cases that write the registry; each has committed, and is known to this process, when it returns."""

    def __init__(
        self, db: Database, clock: Clock, audit: AuditLog, audiences: Audiences, key_sets: KeySets, *, issuer: str
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._audiences = audiences
        self._key_sets = key_sets
        self._issuer = issuer

    async def create(self, definition: AudienceDefinition, *, actor: Actor, origin: Origin) -> AudienceDefinition:
        """Register an audience. Raises InvalidAudience, AudienceExists and AudienceClash."""
        wanted = definition.in_order()
        await self._prepare(wanted)
        async with self._db.transaction() as tx:
            await store.lock(tx)
            if await store.exists(tx, wanted.name):
                raise AudienceExists(f"There is an audience {wanted.name} already.")
            await self._add(tx, wanted, actor=actor, origin=origin)
        await self._read_again()
        return wanted

    async def update(
        self, name: str, change: Callable[[AudienceDefinition], AudienceDefinition], *, actor: Actor, origin: Origin
    ) -> AudienceDefinition:
        """Give an audience the definition that `change` makes of its present one, under the registry's lock.

        `change` keeps the name and may be called twice. Raises AudienceNotFound, InvalidAudience and
        AudienceClash.
        """
        async with self._db.transaction() as tx:
            present = await self._audiences.show(tx, name)
        # Keys are made before the transaction that asks for them: making them takes its own.
        await self._prepare(change(present))
        async with self._db.transaction() as tx:
            await store.lock(tx)
            stored = await store.find(tx, name)
            if stored is None:
                raise AudienceNotFound("There is no audience of that name.")
            wanted = change(stored.definition).in_order()
            check(wanted)
            await self._replace(tx, stored, wanted, actor=actor, origin=origin)
        await self._read_again()
        return wanted

    async def declare(self, definitions: Sequence[AudienceDefinition], *, actor: Actor, origin: Origin) -> None:
        """Bring the registry to what the deployment declares; an audience that is not declared stays as it is.

        Idempotent, also by many processes at once. Raises StartupRefused, and then nothing of it is done.
        """
        if not definitions:
            return
        try:
            for definition in definitions:
                await self._prepare(definition)
            async with self._db.transaction() as tx:
                await store.lock(tx)
                for definition in definitions:
                    await self._put(tx, definition.in_order(), actor=actor, origin=origin)
        except (InvalidAudience, AudienceClash) as error:
            raise StartupRefused(f"AUDIENCES__DECLARED: {error.description}") from error
        await self._read_again()

    async def _put(self, tx: Transaction, wanted: AudienceDefinition, *, actor: Actor, origin: Origin) -> None:
        stored = await store.find(tx, wanted.name)
        if stored is None:
            await self._add(tx, wanted, actor=actor, origin=origin)
        else:
            await self._replace(tx, stored, wanted, actor=actor, origin=origin)

    async def _read_again(self) -> None:
        # The change has committed: if it cannot be read now, the follower reads it soon.
        with suppress(Unavailable):
            await self._audiences.refresh()

    async def _prepare(self, definition: AudienceDefinition) -> None:
        check(definition)
        if definition.signing_algorithm is not None:
            await self._key_sets.ensure(definition.signing_algorithm)

    async def _add(self, tx: Transaction, wanted: AudienceDefinition, *, actor: Actor, origin: Origin) -> None:
        await self._refuse_clashes(tx, wanted)
        now = self._clock.now()
        await store.add(tx, new_id(now), wanted, now)
        event = AudienceCreated(actor=actor, origin=origin, audience=wanted.name, definition=wanted.as_json())
        await self._audit.record(tx, event)

    async def _replace(
        self, tx: Transaction, stored: store.Stored, wanted: AudienceDefinition, *, actor: Actor, origin: Origin
    ) -> None:
        if wanted == stored.definition:
            return
        await self._refuse_clashes(tx, wanted)
        await store.replace(tx, stored.id, wanted, self._clock.now())
        event = AudienceUpdated(
            actor=actor,
            origin=origin,
            audience=wanted.name,
            before=stored.definition.as_json(),
            definition=wanted.as_json(),
        )
        await self._audit.record(tx, event)

    async def _refuse_clashes(self, tx: Transaction, wanted: AudienceDefinition) -> None:
        """A token says its audience by one text, which must mean one service: no other's name, URI or issuer."""
        others = (self._issuer, *await store.names_and_resources(tx, but=wanted.name))
        for own in (wanted.name, *wanted.resources):
            clashing = next((other for other in others if rules.same_in_a_token(own, other)), None)
            if clashing == self._issuer:
                raise AudienceClash(f"{own} names this service itself, the issuer.")
            if clashing is not None:
                raise AudienceClash(f"{own} is taken: {clashing} names another audience.")
