"""Reading what keys of ours signed at any time, retired ones included."""

from collections.abc import Mapping
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry
from sqlalchemy import select

from app.foundation.db import Transaction
from app.protocols.jose import compact
from app.protocols.jose.jwk import thumbprint
from app.protocols.jose.signature import Verifier
from app.signing_keys.models import SigningKey


class Witness:
    """Checks signatures of the past. Tokens are checked by `SigningKeys.verify`, which knows who is trusted now."""

    def __init__(self, public_keys: Mapping[str, Verifier]) -> None:
        self._public_keys = public_keys

    @classmethod
    async def of(cls, tx: Transaction) -> "Witness":
        """With every key that ever was. A public half that is not the one of its name is left out."""
        rows = await tx.execute(select(SigningKey.kid, SigningKey.public_jwk))
        return cls({row.kid: verifier for row in rows if (verifier := _verifier(row.kid, row.public_jwk))})

    def read(self, token: str, *, typ: str) -> dict[str, Any]:
        """The claims of what a key of ours signed as that type. Raises ValueError."""
        parsed = compact.parse(token)
        verifier = self._public_keys.get(parsed.kid)
        if verifier is None:
            raise ValueError(f"{parsed.kid} is no key of ours")
        if parsed.typ != typ or parsed.alg != verifier.algorithm:
            raise ValueError("it is signed as something else")
        if not verifier.accepts(parsed.signing_input, parsed.signature):
            raise ValueError("its signature is wrong")
        return compact.read_object(parsed.payload)


def _verifier(kid: str, jwk: dict[str, str]) -> Verifier | None:
    try:
        # Whoever can write rows could put a key of theirs under a name of ours, but not one that is named so rightly.
        if thumbprint(jwk) != kid:
            return None
        key: Any = JWKRegistry.import_key({**jwk})
        return Verifier(key.public_key)
    except (JoseError, KeyError, ValueError):
        return None
