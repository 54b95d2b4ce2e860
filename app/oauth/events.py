"""What happens at OAuth's endpoints."""

from dataclasses import dataclass
from typing import ClassVar

from app.audit.event import Event, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRefused(Event):
    """A client's authorization request was refused; the flow says what it was judged by. Nothing that came is quoted.

    `check` is the first that failed. What `prompt=none` is told when the user would have to be asked is none.
    """

    type: ClassVar[str] = "authorization.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    client_id: str | None
    error: str
    check: str | None
    flow_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRefused(Event):
    """A client that had proven itself was refused at the token endpoint, for another reason than a bad grant.

    What is wrong with a code or a refresh token is told by the entry of that.
    """

    type: ClassVar[str] = "token.refused"
    outcome: ClassVar[Outcome] = Outcome.REFUSED

    client_id: str
    grant_type: str
    error: str
