"""The fixtures. Imports nothing but pytest until one of them is used: every run of pytest loads this file."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from auth_service_sdk.testing.assertions import AssertRequires, AsyncAssertRequires
    from auth_service_sdk.testing.issuer import Issuer
    from auth_service_sdk.testing.keys import KeyAs
    from auth_service_sdk.testing.tokens import AuthAs


@pytest.fixture
def auth_issuer() -> "Iterator[Issuer]":
    """The issuer that answers every JWTAuthMiddleware of this process for the length of the test."""
    from auth_service_sdk.testing.issuer import Issuer  # noqa: PLC0415

    with Issuer() as issuer:
        yield issuer


@pytest.fixture
def auth_app() -> Any:
    """The application that tokens are made for. Redefine it where `auth_as` cannot find yours by itself."""
    return None


@pytest.fixture
def auth_as(auth_issuer: "Issuer", auth_app: Any, request: pytest.FixtureRequest) -> "AuthAs":
    """Make request headers: `auth_as(roles=["admin"])`, `auth_as.expired()`."""
    from auth_service_sdk.testing.tokens import AuthAs  # noqa: PLC0415

    return AuthAs(auth_issuer, app=auth_app, fixtures=lambda: getattr(request.node, "funcargs", {}))


@pytest.fixture
def key_as(auth_issuer: "Issuer", auth_app: Any, request: pytest.FixtureRequest) -> "KeyAs":
    """Make request headers with an API key: `key_as(scopes=["orders:read"])`, `key_as.revoked()`."""
    from auth_service_sdk.testing.keys import KeyAs  # noqa: PLC0415

    return KeyAs(auth_issuer, app=auth_app, fixtures=lambda: getattr(request.node, "funcargs", {}))


@pytest.fixture
def assert_requires(auth_as: "AuthAs") -> "AssertRequires":
    """Assert that a route wants a token and a role, scope or permission: `assert_requires("/admin", role="admin")`."""
    from auth_service_sdk.testing.assertions import AssertRequires  # noqa: PLC0415

    return AssertRequires(auth_as)


@pytest.fixture
def async_assert_requires(auth_as: "AuthAs") -> "AsyncAssertRequires":
    """Assert the same in the running event loop, for applications and clients that live in it; to be awaited."""
    from auth_service_sdk.testing.assertions import AsyncAssertRequires  # noqa: PLC0415

    return AsyncAssertRequires(auth_as)
