"""The contract of a grant type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from app.clients.registered import RegisteredClient
from app.foundation.origin import Origin


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TokenRequest:
    """A token request whose client has proven itself and was given the grant type that it asks for.

    `fields` has every parameter that may stand there once; `resources` are the values of `resource`.
    """

    client: RegisteredClient
    fields: Mapping[str, str]
    resources: Sequence[str]
    origin: Origin


class GrantType(Protocol):
    """A way to tokens. `name` is the value of `grant_type`."""

    name: str

    async def redeem(self, asked: TokenRequest) -> Mapping[str, object]:
        """The members of the token response, durably recorded. Raises OAuthError, ClientChanged."""
        ...
