"""Statements on the tables of audiences."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, insert, select, text, union_all, update

from app.audiences.definition import AudienceDefinition
from app.audiences.models import Audience, AudienceResource, AudienceScope
from app.foundation.db import Transaction
from app.protocols.assurance import ACR
from app.protocols.jose.algorithms import Algorithm

# The whole registry as one JSON text, in one order, so that an unchanged registry is an equal text.
REGISTRY = """
SELECT coalesce(json_agg(json_build_object(
    'name', a.name, 'signing_algorithm', a.signing_algorithm, 'access_token_seconds', a.access_token_seconds,
    'claims', a.claims, 'required_acr', a.required_acr,
    'resources', (SELECT coalesce(json_agg(r.resource ORDER BY r.resource), '[]')
                  FROM audience_resources r WHERE r.audience_id = a.id),
    'scopes', (SELECT coalesce(json_object_agg(s.scope, s.permission ORDER BY s.scope), '{}')
               FROM audience_scopes s WHERE s.audience_id = a.id)
  ) ORDER BY a.name), '[]')::text
FROM audiences a
"""


class Stored(NamedTuple):
    """An audience's row id and definition."""

    id: UUID
    definition: AudienceDefinition


async def lock(tx: Transaction) -> None:
    """Let changes of the registry take turns, so that a check of names against all others holds until the commit."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('audiences'))"))


async def find(tx: Transaction, name: str) -> Stored | None:
    """The audience of that name."""
    return next(iter(await _read(tx, name)), None)


async def list_all(tx: Transaction) -> list[Stored]:
    """Every audience, by name."""
    return await _read(tx, None)


async def _read(tx: Transaction, name: str | None) -> list[Stored]:
    wanted = select(Audience.__table__).order_by(Audience.name)
    if name is not None:
        wanted = wanted.where(Audience.name == name)
    rows = (await tx.execute(wanted)).all()
    ids = [row.id for row in rows]
    resources = await tx.execute(select(AudienceResource.__table__).where(AudienceResource.audience_id.in_(ids)))
    scopes = await tx.execute(select(AudienceScope.__table__).where(AudienceScope.audience_id.in_(ids)))
    resources_of: dict[UUID, list[str]] = {key: [] for key in ids}
    scopes_of: dict[UUID, dict[str, str | None]] = {key: {} for key in ids}
    for resource in resources:
        resources_of[resource.audience_id].append(resource.resource)
    for scope in scopes:
        scopes_of[scope.audience_id][scope.scope] = scope.permission
    return [
        Stored(
            row.id,
            AudienceDefinition(
                name=row.name,
                resources=tuple(resources_of[row.id]),
                scopes=scopes_of[row.id],
                signing_algorithm=Algorithm(row.signing_algorithm) if row.signing_algorithm else None,
                access_token_seconds=row.access_token_seconds,
                claims=tuple(row.claims),
                required_acr=ACR(row.required_acr) if row.required_acr else None,
            ).in_order(),
        )
        for row in rows
    ]


async def names_and_resources(tx: Transaction, *, but: str) -> Sequence[str]:
    """Every text that another audience than `but` could have as `aud`."""
    names = select(Audience.name).where(Audience.name != but)
    resources = (
        select(AudienceResource.resource)
        .join(Audience, Audience.id == AudienceResource.audience_id)
        .where(Audience.name != but)
    )
    return (await tx.scalars(union_all(names, resources))).all()


async def exists(tx: Transaction, name: str) -> bool:
    """Whether there is an audience of that name."""
    found = await tx.scalar(select(func.count()).select_from(Audience).where(Audience.name == name))
    return bool(found)


async def add(tx: Transaction, audience_id: UUID, definition: AudienceDefinition, now: datetime) -> None:
    """Write a new audience."""
    values = {"id": audience_id, "name": definition.name, "created_at": now, "updated_at": now}
    await tx.execute(insert(Audience).values(**values, **_own_columns(definition)))
    await _write_parts(tx, audience_id, definition)


async def replace(tx: Transaction, audience_id: UUID, definition: AudienceDefinition, now: datetime) -> None:
    """Give an audience another definition."""
    values = {"updated_at": now, **_own_columns(definition)}
    await tx.execute(update(Audience).where(Audience.id == audience_id).values(**values))
    await tx.execute(delete(AudienceResource).where(AudienceResource.audience_id == audience_id))
    await tx.execute(delete(AudienceScope).where(AudienceScope.audience_id == audience_id))
    await _write_parts(tx, audience_id, definition)


def _own_columns(definition: AudienceDefinition) -> dict[str, object]:
    return {
        "signing_algorithm": definition.signing_algorithm.value if definition.signing_algorithm else None,
        "access_token_seconds": definition.access_token_seconds,
        "claims": list(definition.claims),
        "required_acr": definition.required_acr.value if definition.required_acr else None,
    }


async def _write_parts(tx: Transaction, audience_id: UUID, definition: AudienceDefinition) -> None:
    resources = [{"audience_id": audience_id, "resource": resource} for resource in definition.resources]
    scopes = [
        {"audience_id": audience_id, "scope": scope, "permission": permission}
        for scope, permission in definition.scopes.items()
    ]
    if resources:
        await tx.execute(insert(AudienceResource), resources)
    if scopes:
        await tx.execute(insert(AudienceScope), scopes)
