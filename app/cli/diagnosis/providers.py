"""Whether people can sign in by each identity provider that is set up, as far as can be seen without them."""

import asyncio

from sqlalchemy.exc import SQLAlchemyError

from app.admin.provider_bodies import in_words
from app.cli.diagnosis.finding import Finding, fault, ok, warning
from app.federation.providers.definition import Provider
from app.federation.providers.registration import ProviderRegistration
from app.foundation.environment import SettingsError
from app.foundation.errors import ServiceError, Unavailable
from app.foundation.settings import RedisSettings
from app.settings import Settings
from app.wiring import build

_CHECK = "providers"
_AT_ONCE = 8
_SECONDS = 20.0


async def examine_providers(settings: Settings) -> list[Finding]:
    """A line for each provider that is enabled; none where there is none. The database must have been found well."""
    try:
        # Without the cache, whose URL may be what is wrong.
        services = build(settings.model_copy(update={"redis": RedisSettings()}))
    except SettingsError as error:
        return [
            fault(_CHECK, each.words, f"Correct {each.variable}, for example: {each.example}") for each in error.faults
        ]
    registration, turns = services.federation.registration, asyncio.Semaphore(_AT_ONCE)
    try:
        enabled = [one for one in await registration.list() if one.definition.is_enabled]
        return list(await asyncio.gather(*(_examine(registration, one, turns) for one in enabled)))
    except (Unavailable, SQLAlchemyError):
        return [warning(_CHECK, "They cannot be read.", "Mend the database first.")]
    finally:
        await services.close()


async def _examine(registration: ProviderRegistration, provider: Provider, turns: asyncio.Semaphore) -> Finding:
    check = f"provider {provider.id}"
    cure = f"`auth-service providers test {provider.id}` shows every check; docs/identity-providers.md every value."
    try:
        async with turns, asyncio.timeout(_SECONDS):
            trace = await registration.test(provider.id)
    except TimeoutError:
        return fault(check, f"It does not answer within {_SECONDS:.0f} s.", cure)
    except ServiceError as error:
        return fault(check, error.detail or error.description or error.title, cure)
    return ok(check, in_words(trace)) if trace.failed is None else fault(check, in_words(trace), cure)
