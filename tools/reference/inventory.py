"""What the code holds: its refusals, its events and its metrics, found by importing every module."""

import importlib
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import app
from app.audit.event import Event
from app.foundation.errors import ServiceError
from app.foundation.metrics import DECLARED, Declared
from app.foundation.oauth_errors import OAuthError
from auth_service_sdk.errors import Refusal

_Kind = TypeVar("_Kind")
_Value = TypeVar("_Value")
_NEVER_IMPORTED = ("app.migrations.versions", "app.migrations.env", "app.cli.__main__")
# What the renderer makes of the framework's own exceptions; no class of ours carries these.
_RENDERED = {"method_not_allowed": (405, "Not a method of this address"), "client_disconnected": (400, "Broken off")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One stable code; who answers with it, by which statuses and titles, and what the class says of it."""

    code: str
    statuses: tuple[int, ...]
    titles: tuple[str, ...]
    meaning: str
    sources: tuple[str, ...]


def codes() -> list[Code]:
    """Every stable code of the service and of the SDK, by name."""
    _import_everything()
    classes: dict[str, list[type[ServiceError | Refusal]]] = defaultdict(list)
    every: list[type[ServiceError | Refusal]] = [*_family(ServiceError), *_family(Refusal)]
    for kind in every:
        classes[kind.code].append(kind)
    found = [_code(name, kinds) for name, kinds in classes.items()]
    for name, (status, title) in _RENDERED.items():
        found.append(Code(code=name, statuses=(status,), titles=(title,), meaning="", sources=("the service",)))
    return sorted(found, key=lambda code: code.code)


def events() -> list[type[Event]]:
    """Every kind of event, by type."""
    _import_everything()
    return sorted((kind for kind in _family(Event) if "type" in vars(kind)), key=lambda kind: kind.type)


def metrics() -> list[Declared]:
    """Every metric, by name."""
    _import_everything()
    return sorted(DECLARED.values(), key=lambda metric: metric.name)


def _code(name: str, kinds: list[type[ServiceError | Refusal]]) -> Code:
    own = [kind for kind in kinds if "code" in vars(kind)]
    return Code(
        code=name,
        statuses=_each(kind.status for kind in own),
        titles=_each(kind.title for kind in own),
        # The base classes speak of their family, not of one answer.
        meaning=next((_first_sentence(kind) for kind in own if kind not in (ServiceError, Refusal, OAuthError)), ""),
        sources=_each(_source(kind) for kind in own),
    )


def _source(kind: type) -> str:
    if issubclass(kind, Refusal):
        return "services that use the SDK"
    return "OAuth endpoints" if issubclass(kind, OAuthError) else "the service"


def _first_sentence(kind: type) -> str:
    first = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    return first.split(" Its challenge ")[0].split(" Spec: ")[0]


def _each(values: Iterator[_Value]) -> tuple[_Value, ...]:
    return tuple(dict.fromkeys(values))


def _family(kind: type[_Kind]) -> Iterator[type[_Kind]]:
    # A slotted dataclass leaves behind the class that it was made from; the module holds the one that counts. What a
    # test defines for itself is no part of the service.
    if (
        kind.__module__.startswith(("app.", "auth_service_sdk."))
        and getattr(sys.modules[kind.__module__], kind.__name__, None) is kind
    ):
        yield kind
    for below in kind.__subclasses__():
        yield from _family(below)


def _import_everything() -> None:
    for module in pkgutil.walk_packages(app.__path__, "app."):
        if not module.name.startswith(_NEVER_IMPORTED):
            importlib.import_module(module.name)
