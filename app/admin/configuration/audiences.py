"""Audiences, as configuration."""

from dataclasses import replace

from app.admin.configuration.document import AudienceEntry
from app.admin.configuration.kind import Acting, Present
from app.audiences.define import AudienceRegistration
from app.audiences.definition import AudienceDefinition
from app.audiences.service import Audiences
from app.foundation.db import Transaction


class AudienceKind:
    """Audiences, by name. They are never removed: tokens out there are for them."""

    word, part = "audience", "audiences"

    def __init__(self, audiences: Audiences, registration: AudienceRegistration) -> None:
        self._audiences = audiences
        self._registration = registration

    async def read(self, tx: Transaction) -> Present[AudienceEntry]:
        """Every audience but this service itself."""
        found = [definition.as_json() for definition in await self._audiences.list_all(tx)]
        return Present({str(one.pop("name")): AudienceEntry.model_validate(one) for one in found})

    async def create(self, tx: Transaction, name: str, entry: AudienceEntry, acting: Acting) -> None:  # noqa: ARG002
        """Register one. Raises what `AudienceRegistration.create` raises."""
        await self._registration.create(_definition(name, entry), actor=acting.actor, origin=acting.origin)

    async def update(self, tx: Transaction, name: str, entry: AudienceEntry, acting: Acting) -> None:  # noqa: ARG002
        """Define one anew. Raises what `AudienceRegistration.update` raises."""

        def change(present: AudienceDefinition) -> AudienceDefinition:
            return replace(_definition(name, entry), name=present.name)

        await self._registration.update(name, change, actor=acting.actor, origin=acting.origin)

    async def settle(self, *_: object) -> list[str]:
        """Nothing is left to do."""
        return []

    async def remove(self, *_: object) -> bool:
        """Never."""
        return False


def _definition(name: str, entry: AudienceEntry) -> AudienceDefinition:
    return AudienceDefinition(
        name=name,
        resources=tuple(entry.resources),
        scopes=entry.scopes,
        signing_algorithm=entry.signing_algorithm,
        access_token_seconds=entry.access_token_seconds,
        claims=tuple(entry.claims),
        required_acr=entry.required_acr,
    )
