"""One user as a line of JSON: what an import reads and an export writes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field, ValidationError

from app.factors.password import foreign
from app.foundation import strict_json
from app.foundation.body import Body
from app.foundation.clock import rfc3339
from app.foundation.errors import ServiceError
from app.foundation.ids import new_id
from app.foundation.secrets import random_bytes
from app.foundation.validation import body_faults
from app.roles.rules import AssignedRole
from app.users.bulk import MAX_SUB_CHARACTERS, NewUser
from app.users.email import parse_email
from app.users.user import AttributeValue, User, UserStatus, check_attribute, check_attributes, parse_name

MAX_LINE_BYTES = 64 * 1024
MAX_ATTRIBUTES = 64
MAX_ROLES = 200


class RoleLine(Body):
    """A role of a user, at one audience or, without it, everywhere."""

    role: str = Field(max_length=64)
    audience: str | None = Field(default=None, max_length=255)


class UserLine(Body):
    """One user. `sub` stays what it was in the system they come from, so that what stored it finds them again."""

    email: str = Field(max_length=1024)
    sub: str | None = Field(default=None, min_length=1, max_length=MAX_SUB_CHARACTERS, pattern=r"^[\x21-\x7e]+$")
    email_verified: bool = False
    name: str | None = Field(default=None, max_length=1024)
    locale: str | None = Field(default=None, max_length=35, pattern=r"^[A-Za-z0-9-]+$")
    status: Literal["active", "suspended"] = "active"
    attributes: dict[str, str | int | float | bool] = Field(default_factory=dict, max_length=MAX_ATTRIBUTES)
    required_acr: Literal["aal1", "aal2", "phr"] | None = None
    created_at: datetime | None = Field(default=None, strict=False)
    password_hash: str | None = Field(default=None, max_length=foreign.MAX_CHARACTERS)
    roles: tuple[RoleLine, ...] = Field(default=(), max_length=MAX_ROLES, strict=False)
    groups: tuple[str, ...] = Field(default=(), max_length=MAX_ROLES, strict=False)


class LineRefused(ValueError):
    """A line that is not imported. `code` is stable, `words` say why and quote nothing of the line."""

    def __init__(self, code: str, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadUser:
    """A line that was read: the user to be written, and what hangs from them. `own_sub` is whether it brought one."""

    user: NewUser
    own_sub: bool
    password_hash: str | None
    roles: tuple[AssignedRole, ...]
    groups: tuple[str, ...]


def read_line(raw: bytes, *, now: datetime) -> ReadUser:
    """The user in a line. Raises LineRefused."""
    try:
        value = strict_json.parse(raw)
    except strict_json.JSONRefused as error:
        raise LineRefused("invalid_json", f"The line is not valid JSON: {error}.") from None
    return read_value(value, now=now)


def read_value(value: object, *, now: datetime) -> ReadUser:
    """The user in a value. Raises LineRefused."""
    try:
        line = UserLine.model_validate(value)
    except ValidationError as error:
        faults = body_faults(error.errors(include_url=False, include_input=False))
        words = "; ".join(f"{fault['pointer'] or '/'}: {fault['detail']}" for fault in faults[:5])
        raise LineRefused("validation_failed", words) from None
    try:
        return _read(line, now=now)
    except ServiceError as error:
        raise LineRefused(error.code, error.description or error.title) from None
    except foreign.HashRefused as error:
        raise LineRefused("invalid_password_hash", str(error)) from None


def _read(line: UserLine, *, now: datetime) -> ReadUser:
    created_at = line.created_at or now
    if created_at.tzinfo is None or created_at > now:
        raise LineRefused("validation_failed", "/created_at: It has an offset, and lies in the past.")
    attributes: Mapping[str, AttributeValue] = line.attributes
    for name, value in attributes.items():
        check_attribute(name, value)
    check_attributes(attributes)
    if line.password_hash is not None:
        foreign.check(line.password_hash)
    user = NewUser(
        id=new_id(now),
        sub=line.sub or str(UUID(bytes=random_bytes(16), version=4)),
        email=parse_email(line.email),
        email_verified_at=now if line.email_verified else None,
        name=parse_name(line.name),
        locale=line.locale,
        attributes=attributes,
        status=UserStatus(line.status),
        required_acr=line.required_acr,
        created_at=created_at,
    )
    return ReadUser(
        user=user,
        own_sub=line.sub is not None,
        password_hash=line.password_hash,
        roles=tuple(AssignedRole(role.role, role.audience) for role in line.roles),
        groups=line.groups,
    )


def as_line(
    user: User, *, roles: list[AssignedRole], groups: list[str], password_hash: str | None
) -> dict[str, object]:
    """A user as an export writes them: an import elsewhere makes the same user of it."""
    values: dict[str, object] = {
        "sub": user.sub,
        "email": user.email,
        "email_verified": user.is_verified,
        "name": user.name,
        "locale": user.locale,
        "status": user.status.value,
        "attributes": dict(user.attributes),
        "required_acr": user.required_acr,
        "created_at": rfc3339(user.created_at),
        "password_hash": password_hash,
        "roles": [{"role": held.role} | ({"audience": held.audience} if held.audience else {}) for held in roles],
        "groups": groups,
    }
    return {name: value for name, value in values.items() if value not in (None, [], {})}
