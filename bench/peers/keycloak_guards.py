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
    return _introspecting(_client(os.environ["INTROSPECTION_URL"]))


def foreign_introspection() -> FastAPI:
    """The same that asks a Keycloak about its own token."""
    return _introspecting(_client(os.environ["KEYCLOAK_URL"]))


def _introspecting(keycloak: KeycloakOpenID) -> FastAPI:
    async def user(token: BearerToken) -> dict[str, Any]:
        told: dict[str, Any] = await keycloak.a_introspect(token)
        if not told.get("active"):
            raise HTTPException(401)
        return told

    return guarded(user)


def decode() -> FastAPI:
    """The guarded route that checks signature and claims itself."""
    keys = JWKSet.from_json(json.dumps(key_set()))
    return _decoding(_client(issuer()), keys, {"aud": AUDIENCE, "iss": issuer()})


def foreign_decode() -> FastAPI:
    """The same for a Keycloak's tokens, with its keys kept, which saves python-keycloak a request for each token."""
    keycloak, name = _client(os.environ["KEYCLOAK_URL"]), os.environ["KEYCLOAK_ISSUER"]
    keys = JWKSet.from_json(json.dumps(keycloak.certs()))
    return _decoding(keycloak, keys, {"aud": AUDIENCE, "iss": name})


def _decoding(keycloak: KeycloakOpenID, keys: JWKSet, expected: dict[str, str]) -> FastAPI:
    async def user(token: BearerToken) -> dict[str, Any]:
        try:
            claims: dict[str, Any] = await keycloak.a_decode_token(token, key=keys, check_claims=expected)
        except (JWException, ValueError) as error:
            raise HTTPException(401) from error
        return claims

    return guarded(user)


def _client(url: str) -> KeycloakOpenID:
    return KeycloakOpenID(server_url=url, realm_name=REALM, client_id=CLIENT_ID, client_secret_key=CLIENT_SECRET)
