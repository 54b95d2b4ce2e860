"""What a client may be called and may hold: pure rules."""

import re
from dataclasses import dataclass
from enum import StrEnum

from app.clients.errors import InvalidClientDefinition

CLIENT_ID_PREFIX = "c_"
CLIENT_ID_RANDOM_CHARACTERS = 22
MAX_NAME_CHARACTERS = 128
_CLIENT_ID = re.compile(r"c_[A-Za-z0-9]{22}")


class ServiceScope(StrEnum):
    """What a downstream service's credentials allow, about the tokens of its own audience."""

    INTROSPECTION = "introspection"
    REVOCATIONS_READ = "revocations:read"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientDefinition:
    """What an operator says of a client. `audience` is the stored name of a downstream service."""

    name: str
    audience: str | None = None
    scopes: tuple[str, ...] = ()


def is_client_id(text: str) -> bool:
    """Whether a text has the form of a client id."""
    return _CLIENT_ID.fullmatch(text) is not None


def check(definition: ClientDefinition) -> None:
    """Refuse a definition that breaks a rule, naming every one. Raises InvalidClientDefinition."""
    faults: list[tuple[str, str]] = []
    name = definition.name
    if not 0 < len(name) <= MAX_NAME_CHARACTERS or not name.isprintable() or name != name.strip():
        faults.append(("/name", f"one line of 1 to {MAX_NAME_CHARACTERS} printable characters"))
    unknown = sorted(set(definition.scopes) - set(ServiceScope))
    if unknown:
        faults.append(("/scopes", f"a client's scopes are {' and '.join(ServiceScope)}"))
    if definition.scopes and definition.audience is None:
        faults.append(("/audience", "a client with scopes names the audience whose tokens it may ask about"))
    if faults:
        words = "; ".join(f"{pointer[1:]}: {rule}" for pointer, rule in faults)
        raise InvalidClientDefinition(f"{words}.", faults=faults)
