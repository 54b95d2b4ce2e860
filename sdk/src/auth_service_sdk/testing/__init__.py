"""For tests of services that the SDK guards: an issuer inside the test process, and tokens good and bad.

pytest loads `plugin`, which brings the fixtures `auth_issuer`, `auth_as`, `key_as`, `assert_requires` and
`async_assert_requires`. The middleware under test stays as it is in production and its code runs unchanged; only the
network behind `client.ServiceConnection` is replaced, and only while one of the fixtures is in use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auth_service_sdk.testing.assertions import AssertRequires, AsyncAssertRequires
    from auth_service_sdk.testing.issuer import Issuer
    from auth_service_sdk.testing.keys import BAD_KEYS, KeyAs, Machine
    from auth_service_sdk.testing.tokens import BAD_TOKENS, AuthAs, Caller

__all__ = [
    "BAD_KEYS",
    "BAD_TOKENS",
    "AssertRequires",
    "AsyncAssertRequires",
    "AuthAs",
    "Caller",
    "Issuer",
    "KeyAs",
    "Machine",
]

_HOMES = {
    "AssertRequires": "assertions",
    "AsyncAssertRequires": "assertions",
    "BAD_KEYS": "keys",
    "Issuer": "issuer",
    "KeyAs": "keys",
    "Machine": "keys",
}


def __getattr__(name: str) -> Any:
    # On first use: every run of pytest imports this package, most of them without a need for any of it.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'tokens')}"), name)
