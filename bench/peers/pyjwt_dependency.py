"""PyJWT in an asynchronous dependency, its keys kept: what most services write by themselves."""

from typing import Any

import jwt
from fastapi import FastAPI, HTTPException

from bench.peers.orders import AUDIENCE, BearerToken, guarded, issuer, key_set


def application() -> FastAPI:
    """The guarded route."""
    keys = {key["kid"]: jwt.PyJWK(key) for key in key_set()["keys"]}
    expected = issuer()

    async def user(token: BearerToken) -> dict[str, Any]:
        try:
            key = keys[jwt.get_unverified_header(token)["kid"]]
            claims: dict[str, Any] = jwt.decode(
                token, key, algorithms=[key.algorithm_name], audience=AUDIENCE, issuer=expected
            )
        except (jwt.PyJWTError, KeyError) as error:
            raise HTTPException(401) from error
        return claims

    return guarded(user)
