"""API keys for callers of every kind, welcome and not."""

import secrets
import string
import time
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, TypedDict, Unpack

from auth_service_sdk.api_key_middleware import APIKeyAuthMiddleware
from auth_service_sdk.key_form import checksum
from auth_service_sdk.testing.discovery import application_near, calling_frame, guards_of
from auth_service_sdk.testing.issuer import Issuer
from auth_service_sdk.testing.tokens import USER, check_names

BAD_KEYS = ("expired", "revoked", "wrong_audience", "unknown", "mistyped")
"""The makers of keys that must be refused, by the names of their methods: for `pytest.mark.parametrize`."""

_BASE62 = string.digits + string.ascii_letters


class Machine(TypedDict, total=False):
    """Who asks. What is left out is a key of `user-1` for the application under test, without any scope.

    `client_id` makes it a client's own key. `networks` are those that it may be used from. `app` is the application
    under test or a client of it; `audience` is otherwise taken from what guards it.
    """

    scopes: Sequence[str]
    permissions: Sequence[str]
    sub: str
    email: str
    client_id: str
    audience: str
    networks: Sequence[str]
    name: str
    app: Any


class KeyAs:
    """Makes the headers of a machine: `key_as(scopes=["orders:read"])`; bad ones by the methods named in BAD_KEYS."""

    def __init__(self, issuer: Issuer, *, app: Any = None, fixtures: Callable[[], Mapping[str, Any]] = dict) -> None:
        self._issuer = issuer
        self._app = app
        self._fixtures = fixtures

    def __call__(self, **machine: Unpack[Machine]) -> dict[str, str]:
        """Return headers with a key that is accepted."""
        guard = self._guard(machine, calling_frame())
        return self._known(guard, self._answer(guard, machine))

    def expired(self, **machine: Unpack[Machine]) -> dict[str, str]:
        """Return headers with a key that was good an hour ago."""
        guard = self._guard(machine, calling_frame())
        return self._known(guard, self._answer(guard, machine) | {"exp": int(time.time()) - 3600})

    def revoked(self, **machine: Unpack[Machine]) -> dict[str, str]:
        """Return headers with a key that its owner has revoked."""
        guard = self._guard(machine, calling_frame())
        headers = self._known(guard, self._answer(guard, machine))
        self._issuer.revoke_key(headers[guard.header])
        return headers

    def wrong_audience(self, **machine: Unpack[Machine]) -> dict[str, str]:
        """Return headers with a key that is good at another service."""
        guard = self._guard(machine, calling_frame())
        return self._known(guard, self._answer(guard, machine) | {"aud": "another-service"})

    def unknown(self, **machine: Unpack[Machine]) -> dict[str, str]:
        """Return headers with a well-formed key that nobody has issued."""
        return {self._guard(machine, calling_frame()).header: _key()}

    def mistyped(self, **machine: Unpack[Machine]) -> dict[str, str]:
        """Return headers with a key whose last character is another one."""
        guard = self._guard(machine, calling_frame())
        key = self._known(guard, self._answer(guard, machine))[guard.header]
        return {guard.header: key[:-1] + ("0" if key[-1] != "0" else "1")}

    def _guard(self, machine: Machine, frame: FrameType | None) -> APIKeyAuthMiddleware:
        check_names("key_as", machine, Machine)
        app = machine.get("app", self._app)
        app = application_near(frame, self._fixtures()) if app is None else app
        for guard in guards_of(app):
            if isinstance(guard, APIKeyAuthMiddleware):
                return guard
        raise LookupError(f"no APIKeyAuthMiddleware guards {app!r}")

    def _known(self, guard: APIKeyAuthMiddleware, answer: dict[str, Any]) -> dict[str, str]:
        key = _key()
        self._issuer.know_key(key, answer | {"jti": key[4:26]})
        return {guard.header: key}

    def _answer(self, guard: APIKeyAuthMiddleware, machine: Machine) -> dict[str, Any]:
        answer: dict[str, Any] = {
            "active": True,
            "token_type": "api_key",
            "iss": guard.expected.issuer,
            "sub": machine.get("client_id", machine.get("sub", USER)),
            "aud": machine.get("audience", min(guard.expected.audiences)),
            "scope": " ".join(machine.get("scopes", ())),
            "permissions": list(machine.get("permissions", ())),
            "name": machine.get("name", "a key of a test"),
            "iat": int(time.time()),
            "networks": list(machine.get("networks", ())),
        }
        given = machine.keys() & {"client_id", "email"}
        return answer | {name: value for name, value in machine.items() if name in given}


def _key() -> str:
    name, secret = ("".join(secrets.choice(_BASE62) for _ in range(count)) for count in (22, 43))
    body = f"ask_{name}_{secret}"
    return body + checksum(body.encode()).decode()
