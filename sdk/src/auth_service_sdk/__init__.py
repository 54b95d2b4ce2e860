"""Trust auth-service from a FastAPI or Starlette service.

Tokens are verified locally: JWTAuthMiddleware guards every path, the `require_…` dependencies say who may do what.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auth_service_sdk.dependencies import (
        require_acr,
        require_action_token,
        require_fresh_auth,
        require_permission,
        require_role,
        require_scope,
        require_user,
    )
    from auth_service_sdk.identity import Identity
    from auth_service_sdk.logs import AuthContextFilter, log_context
    from auth_service_sdk.middleware import JWTAuthMiddleware
    from auth_service_sdk.service_client import ServiceClient
    from auth_service_sdk.webhooks import WebhookVerificationError, verify_webhook

__all__ = [
    "AuthContextFilter",
    "Identity",
    "JWTAuthMiddleware",
    "ServiceClient",
    "WebhookVerificationError",
    "log_context",
    "require_acr",
    "require_action_token",
    "require_fresh_auth",
    "require_permission",
    "require_role",
    "require_scope",
    "require_user",
    "verify_webhook",
]

_HOMES = {
    "AuthContextFilter": "logs",
    "Identity": "identity",
    "JWTAuthMiddleware": "middleware",
    "ServiceClient": "service_client",
    "WebhookVerificationError": "webhooks",
    "log_context": "logs",
    "verify_webhook": "webhooks",
} | dict.fromkeys(
    (
        "require_acr",
        "require_action_token",
        "require_fresh_auth",
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
