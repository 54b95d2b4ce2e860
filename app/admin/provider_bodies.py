"""Identity providers as the admin API and the commands show them."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from app.admin.flows import CheckBody
from app.federation.connector import ConnectorKind
from app.federation.providers.definition import Provider, policy_as_json
from app.federation.providers.settings import PolicyFields
from app.foundation.clock import rfc3339
from app.protocols.trace import Trace


class ProviderBody(BaseModel):
    """An identity provider, without its secret.

    `callback_url` is what the provider must know as the address to send people back to. One `from_settings` is
    changed there alone, and has no times.
    """

    id: str
    name: str
    kind: ConnectorKind
    preset: str | None
    config: dict[str, Any]
    has_secret: bool
    policy: PolicyFields
    enabled: bool
    callback_url: str
    from_settings: bool
    created_at: str | None
    updated_at: str | None

    @classmethod
    def of(cls, provider: Provider) -> "ProviderBody":
        """The provider as it is shown."""
        stated = provider.definition
        return cls(
            id=stated.id,
            name=stated.name,
            kind=stated.kind,
            preset=stated.preset,
            config=dict(stated.config),
            has_secret=provider.has_secret,
            policy=PolicyFields.model_validate(policy_as_json(stated.policy)),
            enabled=stated.is_enabled,
            callback_url=provider.callback_url,
            from_settings=provider.from_settings,
            created_at=rfc3339(provider.created_at),
            updated_at=rfc3339(provider.updated_at),
        )


class PresetBody(BaseModel):
    """A provider that is known by name, and the kind to set it up with."""

    preset: str
    kind: ConnectorKind


class PresetsBody(BaseModel):
    """Every preset, by name."""

    items: list[PresetBody]


class ProviderPage(BaseModel):
    """Some identity providers, by id."""

    items: list[ProviderBody]
    next: str | None


class ProbeBody(BaseModel):
    """What came of a test, check by check. `summary` says it in a sentence, with the first fault if there is one."""

    ok: bool
    summary: str
    checks: Sequence[CheckBody]

    @classmethod
    def of(cls, trace: Trace) -> "ProbeBody":
        """The test as it is shown."""
        checks = [CheckBody.model_validate(check.as_json()) for check in trace.checks]
        return cls(ok=trace.failed is None, summary=in_words(trace), checks=checks)


def in_words(trace: Trace) -> str:
    """What came of a test, in a sentence that names the first fault."""
    failed = trace.failed
    if failed is None:
        return f"All of {len(trace.checks)} checks passed: people can sign in by it, as far as can be seen from here."
    words = f"This fails: {failed.name}."
    if failed.expected is not None:
        words += f" Expected: {failed.expected}."
    if failed.received is not None:
        words += f" Received: {failed.received}."
    return words
