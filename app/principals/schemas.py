"""What `validate` answers."""

from typing import Literal

from pydantic import BaseModel


class Validation(BaseModel):
    """A live token. `auth_time` and `exp` are NumericDates."""

    active: Literal[True]
    sub: str
    sid: str
    aud: str
    scope: str
    roles: list[str]
    auth_time: int
    exp: int


class CSRFToken(BaseModel):
    """The token of this browser."""

    csrf_token: str
