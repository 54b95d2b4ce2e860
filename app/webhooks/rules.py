"""What webhooks may be told, how it is written, and which changes are about one object.

Each type names the details that leave the house. Whatever else an event holds stays inside: what a person typed at
sign-in, reasons that are for the log alone, names that people give to their keys.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from app.foundation.clock import rfc3339

EVERY_TYPE = "*"
TEST_TYPE = "webhook.test"
MAX_TYPES = 50
MAX_DESCRIPTION_CHARACTERS = 500

_SUBJECT = "sub"

DETAILS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "user.created": ("entry",),
        "user.updated": ("changed",),
        "user.deleted": (),
        "session.created": ("sid", "client_id", "audience", "amr", "acr"),
        "session.revoked": ("sid", "reason"),
        "password.changed": (),
        "mfa.enrolled": ("factor",),
        "api_key.created": ("key_id", "audience", "scopes"),
        "api_key.revoked": ("key_id", "reason"),
        "signing_key.rotated": ("algorithm", "former_kid", "active_kid", "next_kid", "retires_at", "forced"),
        "login.failed": ("audience",),
        "account.locked": ("failures",),
    }
)
"""Every type that an endpoint can ask for, with the details of the event that it is told."""


def unknown_types(event_types: Sequence[str]) -> list[str]:
    """Those of the types that nobody can be told of."""
    return [each for each in event_types if each != EVERY_TYPE and each not in DETAILS]


def object_of(event_type: str, subject: str | None, event_id: UUID) -> str:
    """What an event is about: events about one object reach a receiver in their order.

    A person or a client where there is one; all signing keys together; anything else is about itself.
    """
    if subject is not None:
        return subject
    return "signing keys" if event_type.startswith("signing_key.") else str(event_id)


def body_of(event_id: UUID, event_type: str, at: datetime, subject: str | None, details: Mapping[str, object]) -> str:
    """The body that an endpoint is told an event with. Spec: Standard Webhooks 1.0, "Payload structure"."""
    data: dict[str, object] = {} if subject is None else {_SUBJECT: subject}
    data |= {name: details[name] for name in DETAILS.get(event_type, ()) if name in details}
    body = {"id": str(event_id), "type": event_type, "timestamp": rfc3339(at), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
