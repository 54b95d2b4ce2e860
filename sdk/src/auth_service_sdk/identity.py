"""Who is asking: the value behind `request.state.user`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn, Self


class IdentityKind(StrEnum):
    """What sort of credential stands behind an identity."""

    USER = "user"
    SERVICE = "service"
    API_KEY = "api_key"


class Claims(dict[str, Any]):
    """The claims of a verified token: a dict that cannot be changed, lists in it are tuples.

    One identity serves many requests, so a handler that changed its claims would change them for the next one.
    """

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("the claims of a token cannot be changed")

    __setitem__ = __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> tuple[type["Claims"], tuple[dict[str, Any]]]:
        return Claims, (dict(self),)


def freeze(claims: Mapping[str, Any]) -> Claims:
    """Copy parsed JSON into Claims, all the way down."""
    return Claims({name: _frozen(value) for name, value in claims.items()})


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return freeze(value)
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A verified caller. Immutable and shared between the requests of one token.

    `sub` names the user or, for `kind` "service", the client itself. `auth_time` is when the user last proved who
    they are, in seconds since 1970; a service has none. `actor` is the subject who acts in the user's name
    (impersonation); the whole chain is in `claims["act"]`.
    """

    sub: str
    kind: IdentityKind = IdentityKind.USER
    email: str | None = None
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    sid: str | None = None
    client_id: str | None = None
    org_id: str | None = None
    auth_time: int | None = None
    acr: str | None = None
    amr: tuple[str, ...] = ()
    actor: str | None = None
    claims: Mapping[str, Any] = field(default_factory=Claims)

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Self:
        """Read claims that `verifier.check_claims` has accepted. A token whose subject is its client is a service's."""
        frozen = freeze(claims)
        get = frozen.get
        actor = get("act")
        return cls(
            sub=frozen["sub"],
            kind=IdentityKind.SERVICE if get("client_id") == frozen["sub"] else IdentityKind.USER,
            email=get("email"),
            roles=get("roles", ()),
            scopes=tuple(get("scope", "").split()),
            permissions=get("permissions", ()),
            sid=get("sid"),
            client_id=get("client_id"),
            org_id=get("org_id"),
            auth_time=get("auth_time"),
            acr=get("acr"),
            amr=get("amr", ()),
            actor=actor["sub"] if actor is not None else None,
            claims=frozen,
        )
