"""A realm as `kc.sh export --users same_file` of Keycloak 26 writes it, cut down to what an import reads."""

import base64
import hashlib
import json
from typing import Any

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SALT = bytes(range(16))


def credential(kind: str, secret: dict[str, object], data: dict[str, object]) -> dict[str, object]:
    return {
        "id": "8f8bfa5c-ec39-4f3b-9bd1-17b01f0a9a17",
        "type": kind,
        "createdDate": 1690000000000,
        "secretData": json.dumps(secret, separators=(",", ":")),
        "credentialData": json.dumps(data, separators=(",", ":")),
    }


def pbkdf2(password: str, algorithm: str = "pbkdf2-sha256", iterations: int = 27500) -> dict[str, object]:
    digest = hashlib.pbkdf2_hmac(
        algorithm.removeprefix("pbkdf2-").replace("pbkdf2", "sha1"), password.encode(), SALT, iterations, 64
    )
    secret = {
        "value": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(SALT).decode(),
        "additionalParameters": {},
    }
    return credential(
        "password", secret, {"hashIterations": iterations, "algorithm": algorithm, "additionalParameters": {}}
    )


def argon2(password: str) -> dict[str, object]:
    digest = Argon2id(salt=SALT, length=32, iterations=5, lanes=1, memory_cost=7168).derive(password.encode())
    secret = {
        "value": base64.b64encode(digest).decode(),
        "salt": base64.b64encode(SALT).decode(),
        "additionalParameters": {},
    }
    more = {"hashLength": ["32"], "memory": ["7168"], "type": ["id"], "version": ["1.3"], "parallelism": ["1"]}
    return credential("password", secret, {"hashIterations": 5, "algorithm": "argon2", "additionalParameters": more})


def user(username: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"00000000-0000-4000-8000-{username.encode().hex()[:12]:0>12}",
        "createdTimestamp": 1690000000000,
        "username": username,
        "enabled": True,
        "totp": False,
        "emailVerified": True,
        "firstName": username.capitalize(),
        "lastName": "Example",
        "email": f"{username}@example.com",
        "credentials": [],
        "disableableCredentialTypes": [],
        "requiredActions": [],
        "realmRoles": ["default-roles-shop"],
        "notBefore": 0,
        "groups": [],
    } | more


def role(name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name,
        "name": name,
        "composite": False,
        "clientRole": False,
        "containerId": "shop",
        "attributes": {},
    } | more


def client(client_id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": client_id,
        "clientId": client_id,
        "enabled": True,
        "clientAuthenticatorType": "client-secret",
        "redirectUris": [],
        "webOrigins": [],
        "bearerOnly": False,
        "consentRequired": False,
        "standardFlowEnabled": True,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "publicClient": False,
        "protocol": "openid-connect",
    } | more


def realm(password: str) -> dict[str, Any]:
    return {
        "id": "0d2d1b7e-64a4-4f4c-9a5e-9f8a1c0b7e11",
        "realm": "shop",
        "enabled": True,
        "sslRequired": "external",
        "roles": {
            "realm": [
                role("default-roles-shop", composite=True, composites={"realm": ["offline_access"]}),
                role("offline_access"),
                role("uma_authorization"),
                role("admin"),
                role("customer"),
                role("everything", composite=True, composites={"realm": ["customer"]}),
            ],
            "client": {
                "realm-management": [role("manage-users", clientRole=True)],
                "warehouse": [role("picker", clientRole=True), role("manager", clientRole=True)],
                "storefront": [],
            },
        },
        "groups": [
            {
                "id": "g1",
                "name": "staff",
                "path": "/staff",
                "attributes": {"floor": ["2"]},
                "realmRoles": ["customer"],
                "clientRoles": {"warehouse": ["picker"]},
                "subGroups": [
                    {"id": "g2", "name": "berlin", "path": "/staff/berlin", "attributes": {}, "subGroups": []}
                ],
            }
        ],
        "defaultRole": role("default-roles-shop"),
        "requiredCredentials": ["password"],
        "users": [
            user(
                "ann",
                credentials=[pbkdf2(password)],
                attributes={"tier": ["gold"], "locale": ["de"], "tags": ["a", "b"]},
            ),
            user(
                "bob", credentials=[pbkdf2(password, "pbkdf2-sha512", 210_000)], enabled=False, groups=["/staff/berlin"]
            ),
            user("cid", credentials=[argon2(password)], requiredActions=["CONFIGURE_TOTP", "VERIFY_PROFILE"]),
            user(
                "dan",
                credentials=[pbkdf2(password, "pbkdf2", 20_000), credential("otp", {"value": "s"}, {"digits": 6})],
            ),
            user(
                "eve",
                realmRoles=["default-roles-shop", "admin", "customer"],
                clientRoles={"warehouse": ["manager"], "realm-management": ["manage-users"]},
                federatedIdentities=[{"identityProvider": "google", "userId": "1", "userName": "eve"}],
            ),
            user("nobody", email=None),
            user("service-account-robot", email=None, serviceAccountClientId="robot"),
        ],
        "clients": [
            client("account", publicClient=True, redirectUris=["/realms/shop/account/*"]),
            client(
                "storefront",
                publicClient=True,
                redirectUris=[
                    "https://shop.example.com/callback",
                    "https://*.example.com/*",
                    "http://shop.example.com/",
                ],
                webOrigins=["+"],
            ),
            client(
                "robot",
                secret="bqUqJGVIvBkmGb3MvJqPBYdGkWlNQGYd",
                standardFlowEnabled=False,
                serviceAccountsEnabled=True,
            ),
            client("warehouse", bearerOnly=True),
            client("old", redirectUris=["*"], implicitFlowEnabled=True),
            client("legacy", protocol="saml"),
        ],
        "clientScopes": [{"name": "profile"}],
        "identityProviders": [{"alias": "google"}],
        "components": {"org.keycloak.keys.KeyProvider": [{}]},
        "keycloakVersion": "26.0.5",
    }
