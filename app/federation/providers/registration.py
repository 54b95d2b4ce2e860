"""Setting identity providers up."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.audit.service import AuditLog
from app.federation.connector import Connection, Policy
from app.federation.providers import store
from app.federation.providers.connectors import Connectors
from app.federation.providers.declared import provider_of
from app.federation.providers.definition import Definition, Provider, policy_as_json
from app.federation.providers.errors import (
    DomainTaken,
    IdentityProviderDeclared,
    IdentityProviderExists,
    IdentityProviderInUse,
    IdentityProviderNotFound,
    InvalidIdentityProvider,
)
from app.federation.providers.events import (
    IdentityProviderChanged,
    IdentityProviderCreated,
    IdentityProviderDeleted,
)
from app.federation.providers.hanging import Links
from app.federation.providers.rights import GivenRights, require_all_rights
from app.federation.providers.rules import checked, secret_fault
from app.federation.providers.stored import Shelf
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.protocols.trace import Trace
from app.roles.change import By

Unchanged = Callable[[Provider], None]
"""Raises where a provider, held locked, is no longer what its caller saw."""


def any_version(_: Provider) -> None:
    """For callers who change a provider whatever it is by now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderChange:
    """What to change: None leaves a part as it is. An empty `secret` takes it away; `config` is replaced whole."""

    name: str | None = None
    config: Mapping[str, Any] | None = None
    secret: str | None = field(default=None, repr=False)
    policy: Policy | None = None
    is_enabled: bool | None = None


class ProviderRegistration:
    """The registry for administrators. Every method is a whole use case."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        audit: AuditLog,
        *,
        shelf: Shelf,
        connectors: Connectors,
        given: GivenRights,
        links: Sequence[Links],
        declared: Sequence[Connection] = (),
    ) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit
        self._shelf = shelf
        self._connectors = connectors
        self._given = given
        self._links = links
        self._declared = {one.id: one for one in declared}

    async def list(self) -> Sequence[Provider]:
        """Every provider, of the settings and registered, by id."""
        async with self._db.transaction() as tx:
            rows = await store.list_all(tx)
        registered = (self._shelf.of_row(row).provider for row in rows if row.id not in self._declared)
        return sorted([*(provider_of(one) for one in self._declared.values()), *registered], key=lambda one: one.id)

    async def get(self, provider_id: str) -> Provider:
        """One provider, enabled or not. Raises IdentityProviderNotFound."""
        if provider_id in self._declared:
            return provider_of(self._declared[provider_id])
        async with self._db.transaction() as tx:
            return await self._get(tx, provider_id)

    async def create(self, definition: Definition, *, secret: str | None, by: By) -> Provider:
        """Set a provider up.

        Raises InvalidIdentityProvider, IdentityProviderExists, DomainTaken, and for what its rules give
        RoleNotFound, AudienceNotFound, GroupNotFound. Raises RightNotHeld for whoever does not hold every right at
        this service.
        """
        require_all_rights(by)
        definition, now = self._checked(definition, secret), self._clock.now()
        values = _columns(definition) | {
            "id": definition.id,
            "kind": definition.kind.value,
            "preset": definition.preset,
            "sealed_secret": self._shelf.seal(definition.id, secret),
            # Never one that the id had before it was deleted: connectors keep what they know by id and version.
            "version": int(now.timestamp() * 1000),
            "created_at": now,
            "updated_at": now,
        }
        async with self._db.transaction() as tx:
            await store.lock_registry(tx)
            await self._given.require(tx, definition.policy.rules)
            await self._require_domains(tx, definition)
            row = await store.add(tx, values)
            if row is None or definition.id in self._declared:
                raise IdentityProviderExists(f"There is an identity provider {definition.id} already.")
            event = IdentityProviderCreated(
                actor=by.actor,
                origin=by.origin,
                provider_id=definition.id,
                kind=definition.kind.value,
                preset=definition.preset,
                enabled=definition.is_enabled,
            )
            await self._audit.record(tx, event)
        return self._shelf.of_row(row).provider

    async def change(
        self, provider_id: str, change: ProviderChange, *, by: By, unchanged: Unchanged = any_version
    ) -> Provider:
        """Change a provider, for the sign-ins that begin from then on.

        To rename or to disable it the caller needs no further right. Raises as `create` does,
        IdentityProviderNotFound, IdentityProviderDeclared, and what `unchanged` raises.
        """
        async with self._db.transaction() as tx:
            await store.lock_registry(tx)
            present = await self._get(tx, provider_id, lock=True)
            unchanged(present)
            wanted = self._checked(_changed(present.definition, change), change.secret or None)
            values = self._values(present, wanted, change.secret)
            if not values:
                return present
            if not _only_withdraws(values):
                require_all_rights(by)
            await self._given.require(tx, wanted.policy.rules)
            await self._require_domains(tx, wanted)
            row = await store.change(tx, provider_id, values | {"updated_at": self._clock.now()})
            event = IdentityProviderChanged(
                actor=by.actor,
                origin=by.origin,
                provider_id=provider_id,
                changed=sorted("secret" if name == "sealed_secret" else name for name in values),
                enabled=wanted.is_enabled,
            )
            await self._audit.record(tx, event)
        return self._shelf.of_row(row).provider

    async def give_secret(self, provider_id: str, secret: str, *, by: By) -> bool:
        """Give a provider this secret; False where it has it already. Raises as `change` does."""
        async with self._db.transaction() as tx:
            row = await store.find(tx, provider_id)
        if row is not None and self._shelf.has_secret(self._shelf.of_row(row), secret):
            return False
        await self.change(provider_id, ProviderChange(secret=secret), by=by)
        return True

    async def delete(
        self, provider_id: str, *, removes_links: bool | None = None, by: By, unchanged: Unchanged = any_version
    ) -> None:
        """Forget a provider and its secret: nobody signs in by it any more. Sessions that are there go on.

        Where accounts are linked to identities of it, `removes_links` says what becomes of the links: removed, or
        kept for a provider with the same issuer. Raises IdentityProviderInUse where it says nothing,
        IdentityProviderNotFound, IdentityProviderDeclared, and what `unchanged` raises.
        """
        async with self._db.transaction() as tx:
            await store.lock_registry(tx)
            unchanged(await self._get(tx, provider_id, lock=True))
            count = sum([await links.count_of(tx, provider_id) for links in self._links])
            if count and removes_links is None:
                raise IdentityProviderInUse(
                    f"{count} accounts are linked to it. Disable it, or say what becomes of the links: kept or removed."
                )
            if removes_links:
                for links in self._links:
                    await links.remove_of(tx, provider_id)
            await store.remove(tx, provider_id)
            event = IdentityProviderDeleted(
                actor=by.actor,
                origin=by.origin,
                provider_id=provider_id,
                links=count,
                removed=bool(removes_links),
            )
            await self._audit.record(tx, event)

    async def test(self, provider_id: str) -> Trace:
        """Ask a provider for all that a sign-in would need, also a disabled one. Holds no transaction meanwhile.

        Raises IdentityProviderNotFound, DecryptionFailed, InvalidIdentityProvider.
        """
        one = self._declared.get(provider_id)
        if one is None:
            async with self._db.transaction() as tx:
                row = await store.find(tx, provider_id)
            if row is None:
                raise IdentityProviderNotFound
            one = self._shelf.open(self._shelf.of_row(row))
        return await self._connectors.of(one.kind).test(one)

    def _checked(self, definition: Definition, secret: str | None) -> Definition:
        definition = checked(definition)
        fault = None if secret is None else secret_fault(secret)
        if fault is not None:
            raise InvalidIdentityProvider(f"secret: {fault}.", faults=[("/secret", fault)])
        self._connectors.check(definition.kind, definition.preset, definition.config)
        return definition

    def _values(self, present: Provider, wanted: Definition, secret: str | None) -> dict[str, Any]:
        before = _columns(present.definition)
        values = {name: value for name, value in _columns(wanted).items() if value != before[name]}
        if secret or (secret is not None and present.has_secret):
            values["sealed_secret"] = self._shelf.seal(present.id, secret or None)
        return values

    async def _get(self, tx: Transaction, provider_id: str, *, lock: bool = False) -> Provider:
        if lock and provider_id in self._declared:
            raise IdentityProviderDeclared("Change the settings that declare it, and start the processes again.")
        # What a path may hold and a text of PostgreSQL may not.
        row = await store.find(tx, provider_id, lock=lock) if provider_id.isprintable() else None
        if row is None:
            raise IdentityProviderNotFound
        return self._shelf.of_row(row).provider

    async def _require_domains(self, tx: Transaction, definition: Definition) -> None:
        wanted = set(definition.policy.domains)
        if not wanted:
            return
        held = {one.id: one.policy for one in self._declared.values()}
        for row in await store.list_all(tx):
            held.setdefault(row.id, self._shelf.of_row(row).provider.definition.policy)
        for other, policy in held.items():
            taken = sorted(wanted & set(policy.domains))
            if taken and other != definition.id:
                raise DomainTaken(f"{taken[0]} is a domain of {other}.")


def _columns(definition: Definition) -> dict[str, Any]:
    return {
        "name": definition.name,
        "config": dict(definition.config),
        "policy": policy_as_json(definition.policy),
        "enabled": definition.is_enabled,
    }


def _only_withdraws(values: Mapping[str, Any]) -> bool:
    return values.keys() <= {"name", "enabled"} and not values.get("enabled", False)


def _changed(present: Definition, change: ProviderChange) -> Definition:
    return replace(
        present,
        name=present.name if change.name is None else change.name,
        config=present.config if change.config is None else change.config,
        policy=present.policy if change.policy is None else change.policy,
        is_enabled=present.is_enabled if change.is_enabled is None else change.is_enabled,
    )
