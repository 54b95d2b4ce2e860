"""What the routes of `/admin/users` read and answer."""

from typing import Literal, Self

from pydantic import BaseModel, Field, model_validator

from app.foundation.body import Body
from app.foundation.clock import rfc3339
from app.lifecycle.administration import ManagedUser
from app.sessions.listed import ListedSession
from app.users.user import User

MAX_ATTRIBUTES = 64

Attribute = str | int | float | bool


class HeldRole(BaseModel):
    """A role that a user holds: at one audience, or everywhere where it is null."""

    role: str
    audience: str | None


class UserBody(BaseModel):
    """A user. `roles` and `factors` come with a single one."""

    sub: str
    email: str
    email_verified: bool
    name: str | None
    locale: str | None
    status: Literal["active", "suspended", "closed"]
    required_acr: str | None
    attributes: dict[str, Attribute]
    created_at: str
    roles: list[HeldRole] | None = None
    factors: list[str] | None = None

    @classmethod
    def of(cls, user: User, managed: ManagedUser | None = None) -> "UserBody":
        """The user as JSON."""
        return cls(
            sub=user.sub,
            email=user.email,
            email_verified=user.is_verified,
            name=user.name,
            locale=user.locale,
            status=user.status.value,
            required_acr=user.required_acr,
            attributes=dict(user.attributes),
            created_at=rfc3339(user.created_at),
            roles=None
            if managed is None
            else [HeldRole(role=held.role, audience=held.audience) for held in managed.roles],
            factors=None if managed is None else list(managed.factors),
        )


class UserPage(BaseModel):
    """Some users; `next` is the cursor of the page after this one."""

    items: list[UserBody]
    next: str | None


class NewUserBody(Body):
    """A user to be made. Without `password` they are mailed a link to set one."""

    email: str = Field(max_length=16_384, examples=["ann@example.com"])
    name: str | None = Field(default=None, max_length=200)
    password: str | None = Field(default=None, max_length=16_384)
    email_verified: bool = False
    locale: str | None = Field(default=None, max_length=35, pattern=r"^[A-Za-z0-9-]+$", examples=["de"])
    attributes: dict[str, Attribute] = Field(default_factory=dict, max_length=MAX_ATTRIBUTES)


class UserChange(Body):
    """What is changed of a user: what is left out stays, null takes a name or an attribute away."""

    name: str | None = Field(default=None, max_length=200)
    email: str | None = Field(default=None, max_length=16_384)
    email_verified: Literal[True] | None = None
    attributes: dict[str, Attribute | None] = Field(default_factory=dict, max_length=MAX_ATTRIBUTES)

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if not self.model_fields_set:
            raise ValueError("Name what shall change.")
        return self


class RoleGiven(Body):
    """A role to give, at one audience or, without it, everywhere."""

    role: str = Field(max_length=64, examples=["support"])
    audience: str | None = Field(default=None, max_length=255, examples=["orders-api"])


class ImpersonationRequest(Body):
    """For which service, and why: the reason is kept in the audit log."""

    audience: str = Field(min_length=1, max_length=255, examples=["orders-api"])
    reason: str = Field(min_length=8, max_length=500, examples=["Ticket 4711: the order list stays empty"])


class ImpersonationAnswer(BaseModel):
    """An access token and nothing to renew it by; `sid` is the session that ends it."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 — the name of a scheme
    expires_in: int
    scope: str
    sid: str


class UserSessionBody(BaseModel):
    """A live session of a user."""

    id: str
    created_at: str
    renewed_at: str
    auth_time: str
    expires_at: str
    amr: list[str]
    acr: str
    ip: str | None
    user_agent: str | None
    acts_for: str | None

    @classmethod
    def of(cls, session: ListedSession) -> "UserSessionBody":
        """The session as JSON."""
        return cls(
            id=str(session.id),
            created_at=rfc3339(session.created_at),
            renewed_at=rfc3339(session.renewed_at),
            auth_time=rfc3339(session.auth_time),
            expires_at=rfc3339(session.expires_at),
            amr=list(session.amr),
            acr=session.acr,
            ip=session.ip,
            user_agent=session.user_agent,
            acts_for=session.acts_for,
        )


class UserSessionPage(BaseModel):
    """Sessions, newest first; `next` is the cursor of the page after this one."""

    items: list[UserSessionBody]
    next: str | None
