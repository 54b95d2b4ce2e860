"""Who runs a command, and the words that an operator needs beside a refusal."""

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from app.audit.event import Actor, ActorKind
from app.foundation.errors import ServiceError
from app.foundation.origin import Origin
from app.foundation.secrets import random_bytes

# What makes or shows the thing that was not found, by the code of the refusal.
_CURES = {
    "user_not_found": "`auth-service users list` shows every user; `auth-service create-admin --email E` makes one.",
    "role_not_found": "`auth-service roles create NAME` makes it; `auth-service roles list` shows every role.",
    "audience_not_found": (
        "`auth-service audiences create NAME` makes it; `auth-service audiences list` shows every audience. "
        "This service itself is called self."
    ),
    "group_not_found": "`auth-service groups create NAME` makes it; `auth-service groups list` shows every group.",
    "client_not_found": (
        "`auth-service clients list` shows every client; `auth-service create-client --name N` makes one."
    ),
    "webhook_not_found": "`auth-service webhooks list` shows every webhook.",
    "webhook_delivery_not_found": "`auth-service webhooks deliveries WEBHOOK_ID` shows those that are kept.",
    "next_saml_key_exists": "`auth-service saml-keys rotate` goes on with it, `saml-keys retire` takes it out.",
    "saml_key_not_found": "`auth-service saml-keys list` shows every key.",
    "identity_not_found": "`auth-service users identities EMAIL` shows every identity of theirs.",
    "last_way_in": "`--force` unlinks it all the same.",
    "identity_provider_not_found": "`auth-service providers list` shows every identity provider.",
    "user_suspended": "`auth-service users reactivate EMAIL` does.",
    "last_administrator": "`auth-service create-admin --email E` does.",
}


@dataclass(frozen=True, slots=True)
class Acting:
    """The operator who runs this command, as the audit log names them."""

    actor: Actor = field(default_factory=lambda: Actor(ActorKind.OPERATOR, _account()))
    origin: Origin = field(default_factory=lambda: Origin(ip=None, user_agent=None, trace_id=random_bytes(16).hex()))


@contextmanager
def explained() -> Iterator[None]:
    """Add to a refusal the command that mends it."""
    try:
        yield
    except ServiceError as error:
        cure = _CURES.get(error.code)
        if cure is None:
            raise
        raise ServiceError(f"{error.description or error.title} {cure}") from error


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that no account has.
        return f"uid {os.getuid()}"
