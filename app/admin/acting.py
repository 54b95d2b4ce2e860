"""Who an administrator is to the audit log."""

from app.audit.event import Actor, ActorKind
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.roles.change import Authority, By


def actor_of(caller: Principal) -> Actor:
    """The caller as the one who acts."""
    return Actor(ActorKind.USER, caller.sub) if caller.key_id is None else Actor(ActorKind.API_KEY, caller.key_id)


def authority_of(caller: Principal) -> Authority:
    """How far the caller may go who changes rights: what came with this request, and never up for themselves."""
    return Authority.of(caller)


def by_of(caller: Principal, origin: Origin) -> By:
    """The caller as the one who changes rights."""
    return By(actor=actor_of(caller), origin=origin, authority=authority_of(caller))
