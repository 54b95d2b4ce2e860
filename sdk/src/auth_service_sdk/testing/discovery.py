"""Finds the application a test is about, and so the issuer and the audience that its tokens need."""

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping
from types import FrameType
from typing import Any

import httpx2
from starlette.applications import Starlette

from auth_service_sdk.guard import Guard
from auth_service_sdk.route_table import table, unwrap

_HOW = "name it by app=…, or redefine the fixture `auth_app` to return it"


def application_of(thing: Any) -> Any:
    """Return the application behind a client (TestClient, or AsyncClient by ASGITransport); else the thing itself."""
    if not isinstance(thing, _client_classes()):
        return thing
    # A TestClient names its application, any other client has it in the transport.
    return vars(thing).get("app") or getattr(vars(thing).get("_transport"), "app", None)


def guards_of(app: Any) -> list[Guard]:
    """Return the guards around an application or, if there are none, those around its parts. Raises LookupError."""
    guards, _ = unwrap(application_of(app))
    guards = guards or list({id(guard): guard for row in table(application_of(app)) for guard in row.guards}.values())
    if not guards:
        raise LookupError(f"no JWTAuthMiddleware guards {app!r}")
    if len({guard.expected.issuer for guard in guards}) > 1:
        raise LookupError(f"the parts of {app!r} trust different issuers: name one by issuer=… and audience=…")
    return guards


def application_near(frame: FrameType | None, fixtures: Mapping[str, Any]) -> Any:
    """Return the guarded application that a test is about: that is how `auth_as()` knows what to sign.

    Looked for in the variables of the calling function and those that called it in the same file, then in the
    fixtures the test asked for, then in the variables of the calling module. The first of these places with a guarded
    application, or a client of one, decides. Raises LookupError when none has one, or one has several that differ.
    """
    for place in (_locals(frame), fixtures.values(), (frame.f_globals if frame else {}).values()):
        found: dict[tuple[Any, ...], Any] = {}
        for app in _applications(place):
            guards, _ = unwrap(app)
            if guards:
                found.setdefault(tuple(guard.expected for guard in guards), app)
        if len(found) > 1:
            raise LookupError(f"several guarded applications are near that want different tokens: {_HOW}")
        if found:
            return next(iter(found.values()))
    raise LookupError(f"no application with a JWTAuthMiddleware is near the test: {_HOW}")


def calling_frame() -> FrameType | None:
    """Return the frame of whoever called the function that calls this one."""
    here = inspect.currentframe()
    function = here.f_back if here is not None else None
    return function.f_back if function is not None else None


def _locals(frame: FrameType | None) -> Iterator[Any]:
    file = frame.f_code.co_filename if frame is not None else ""
    while frame is not None and frame.f_code.co_filename == file and frame.f_code.co_name != "<module>":
        # Names that begin so are pytest's own, for the values inside of an assert statement.
        yield from [value for name, value in frame.f_locals.items() if not name.startswith("@")]
        frame = frame.f_back


def _applications(values: Iterable[Any]) -> Iterator[Any]:
    # By exact types: an object that answers to any attribute, as a mock does, must not pass for an application.
    for value in list(values):
        if isinstance(value, (Starlette, Guard, *_client_classes())):
            yield application_of(value)


def _client_classes() -> tuple[type, ...]:
    # Starlette's TestClient is a Client of httpx2 or, where that is missing, of httpx.
    libraries = [httpx2, *([sys.modules["httpx"]] if "httpx" in sys.modules else [])]
    return tuple(client for library in libraries for client in (library.Client, library.AsyncClient))
