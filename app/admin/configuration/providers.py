"""Identity providers, as configuration."""

from app.admin.configuration.document import ProviderEntry
from app.admin.configuration.errors import InvalidConfiguration
from app.admin.configuration.kind import Acting, Present
from app.admin.configuration.references import read_text
from app.federation.providers.definition import Definition, Provider, policy_as_json
from app.federation.providers.registration import ProviderChange, ProviderRegistration
from app.federation.providers.settings import PolicyFields
from app.foundation.db import Transaction
from app.roles.change import By


class ProviderKind:
    """Providers, by their ids. Those that the settings declare are no part of it, and no secret is ever read out."""

    word, part = "identity provider", "identity_providers"

    def __init__(self, registration: ProviderRegistration) -> None:
        self._registration = registration

    async def read(self, tx: Transaction) -> Present[ProviderEntry]:  # noqa: ARG002 — its service joins the transaction
        """Every registered provider."""
        found = await self._registration.list()
        return Present({one.id: _entry(one) for one in found if not one.from_settings})

    async def create(self, tx: Transaction, name: str, entry: ProviderEntry, acting: Acting) -> None:  # noqa: ARG002
        """Set one up. Raises what `ProviderRegistration.create` raises."""
        definition = Definition(
            id=name,
            name=entry.name,
            kind=entry.kind,
            preset=entry.preset,
            config=entry.config,
            policy=entry.policy.policy(),
            is_enabled=not entry.disabled,
        )
        secret = None if entry.secret is None else read_text(entry.secret)
        await self._registration.create(definition, secret=secret, by=_by(acting))

    async def update(self, tx: Transaction, name: str, entry: ProviderEntry, acting: Acting) -> None:  # noqa: ARG002
        """Bring one to what is said of it. Raises what `ProviderRegistration` raises.

        What it speaks does not change: an entry that says otherwise is another provider. Raises InvalidConfiguration.
        """
        present = (await self._registration.get(name)).definition
        if (present.kind, present.preset) != (entry.kind, entry.preset):
            raise InvalidConfiguration(f"identity provider {name}: another kind or preset needs another id")
        change = ProviderChange(
            name=entry.name, config=entry.config, policy=entry.policy.policy(), is_enabled=not entry.disabled
        )
        await self._registration.change(name, change, by=_by(acting))

    async def settle(self, tx: Transaction, name: str, entry: ProviderEntry, acting: Acting) -> list[str]:  # noqa: ARG002
        """Give it the secret that its entry refers to, where it has another."""
        if entry.secret is None:
            return []
        given = await self._registration.give_secret(name, read_text(entry.secret), by=_by(acting))
        return [f"secret: the one of {entry.secret}"] if given else []

    async def remove(self, tx: Transaction, name: str, acting: Acting) -> bool:  # noqa: ARG002
        """Delete one; the links of accounts are kept for a provider with the same issuer."""
        await self._registration.delete(name, removes_links=False, by=_by(acting))
        return True


def _entry(provider: Provider) -> ProviderEntry:
    stated = provider.definition
    return ProviderEntry(
        name=stated.name,
        kind=stated.kind,
        preset=stated.preset,
        config=dict(stated.config),
        policy=PolicyFields.model_validate(policy_as_json(stated.policy)),
        disabled=not stated.is_enabled,
    )


def _by(acting: Acting) -> By:
    return By(actor=acting.actor, origin=acting.origin)
