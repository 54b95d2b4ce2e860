"""python-keycloak: every token introspected at the server, or decoded by the service with keys that it keeps."""

import json
import os
from typing import Any

from fastapi import FastAPI, HTTPException
from jwcrypto.common import JWException
from jwcrypto.jwk import JWKSet
from keycloak import KeycloakOpenID

from bench.peers.introspection import CLIENT_ID, CLIENT_SECRET, REALM
from bench.peers.orders import AUDIENCE, BearerToken, guarded, issuer, key_set


def introspection() -> FastAPI:
    """The guarded route that asks the server about each request's token. Spec: RFC 7662."""
    keycloak = _client(os.environ["INTROSPECTION_URL"])

    async def user(token: BearerToken) -> dict[str, Any]:
        told: dict[str, Any] = await keycloak.a_introspect(token)
        if not told.get("active"):
            raise HTTPException(401)
        return told

    return guarded(user)


def decode() -> FastAPI:
    """The guarded route that checks signature and claims itself."""
    keycloak, keys = _client(issuer()), JWKSet.from_json(json.dumps(key_set()))
    expected = {"aud": AUDIENCE, "iss": issuer()}

    async def user(token: BearerToken) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = await keycloak.a_decode_token(token, key=keys, check_claims=expected)
        except (JWException, ValueError) as error:
            raise HTTPException(401) from error
        return claims

    return guarded(user)


def _client(url: str) -> KeycloakOpenID:
    return KeycloakOpenID(server_url=url, realm_name=REALM, client_id=CLIENT_ID, client_secret_key=CLIENT_SECRET)
