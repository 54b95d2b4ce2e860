"""Whose tokens open this API: all that the application knows of its identity provider."""

from typing import Any

from auth_service_sdk import Introspection, OIDCIssuer
from todo_api.settings import Settings


def arguments(settings: Settings) -> dict[str, Any]:
    """The arguments of `JWTAuthMiddleware`. Raises ValueError for settings that cannot work."""
    if not settings.keycloak_realm and settings.verification == "local":
        # With the secret, revocations are followed: what is revoked there is refused here within a second.
        credentials = {"client_id": settings.keycloak_client_id, "client_secret": settings.secret}
        own = {"auth_base_url": settings.issuer_url, "expected_audience": settings.audience}
        return own if settings.secret is None else own | credentials
    return {"issuer": _issuer(settings)}


def _issuer(settings: Settings) -> OIDCIssuer:
    introspection = None
    if settings.verification == "introspection":
        introspection = Introspection(
            client_id=settings.keycloak_client_id,
            client_secret=settings.secret,
            cache_seconds=settings.introspection_cache_seconds,
        )
    return OIDCIssuer(
        settings.issuer_url,
        audience=settings.audience,
        preset="keycloak" if settings.keycloak_realm else "generic",
        client=settings.keycloak_client_id,
        introspection=introspection,
    )
