"""Trust auth-service from a FastAPI or Starlette service.

Tokens are verified locally: JWTAuthMiddleware guards every path, the `require_…` dependencies say who may do what.
APIKeyAuthMiddleware lets machines in by API keys, alone or beside it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auth_service_sdk.api_key_middleware import APIKeyAuthMiddleware
    from auth_service_sdk.dependencies import (
        require_acr,
        require_action_token,
        require_fresh_auth,
        require_fresh_revocations,
        require_live_session,
        require_permission,
        require_role,
        require_scope,
        require_user,
    )
    from auth_service_sdk.followers import RevocationStatus, revocation_status
    from auth_service_sdk.identity import Identity
    from auth_service_sdk.issuers import BackChannelLogout, Introspection, OIDCIssuer
    from auth_service_sdk.logouts import LogoutStore
    from auth_service_sdk.logs import AuthContextFilter, log_context
    from auth_service_sdk.machines import require_api_key
    from auth_service_sdk.middleware import JWTAuthMiddleware
    from auth_service_sdk.presets import ClaimPaths, Preset
    from auth_service_sdk.service_client import ServiceClient
    from auth_service_sdk.webhooks import WebhookVerificationError, verify_webhook

__all__ = [
    "APIKeyAuthMiddleware",
    "AuthContextFilter",
    "BackChannelLogout",
    "ClaimPaths",
    "Identity",
    "Introspection",
    "JWTAuthMiddleware",
    "LogoutStore",
    "OIDCIssuer",
    "Preset",
    "RevocationStatus",
    "ServiceClient",
    "WebhookVerificationError",
    "log_context",
    "require_acr",
    "require_action_token",
    "require_api_key",
    "require_fresh_auth",
    "require_fresh_revocations",
    "require_live_session",
    "require_permission",
    "require_role",
    "require_scope",
    "require_user",
    "revocation_status",
    "verify_webhook",
]

_HOMES = {
    "APIKeyAuthMiddleware": "api_key_middleware",
    "AuthContextFilter": "logs",
    "BackChannelLogout": "issuers",
    "ClaimPaths": "presets",
    "Identity": "identity",
    "Introspection": "issuers",
    "JWTAuthMiddleware": "middleware",
    "LogoutStore": "logouts",
    "OIDCIssuer": "issuers",
    "Preset": "presets",
    "RevocationStatus": "followers",
    "ServiceClient": "service_client",
    "WebhookVerificationError": "webhooks",
    "log_context": "logs",
    "revocation_status": "followers",
    "verify_webhook": "webhooks",
    "require_api_key": "machines",
} | dict.fromkeys(
    (
        "require_acr",
        "require_action_token",
        "require_fresh_auth",
        "require_fresh_revocations",
        "require_live_session",
        "require_permission",
        "require_role",
        "require_scope",
        "require_user",
    ),
    "dependencies",
)


def __getattr__(name: str) -> Any:
    # On first use, so that pytest, which imports this package in every run for its plugin, does not load FastAPI.
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
