"""Who an administrator is to the audit log."""

from app.audit.event import Actor, ActorKind
from app.foundation.principal import Principal


def actor_of(caller: Principal) -> Actor:
    """The caller as the one who acts."""
    return Actor(ActorKind.USER, caller.sub)
