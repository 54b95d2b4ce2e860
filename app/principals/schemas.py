"""What `validate` answers."""

from typing import Literal

from pydantic import BaseModel


class ActingParty(BaseModel):
    """Who acts in the name of a token's subject. Spec: RFC 8693 §4.1."""

    sub: str


class Validation(BaseModel):
    """A live token. `auth_time` and `exp` are NumericDates; a client's own has no `sid` and no `auth_time`.

    With `act` somebody acts in the subject's name, and there is no `auth_time` either.
    """

    active: Literal[True]
    sub: str
    sid: str = ""
    aud: str
    scope: str
    roles: list[str]
    auth_time: int | None = None
    exp: int
    act: ActingParty | None = None


class CSRFToken(BaseModel):
    """The token of this browser."""

    csrf_token: str
