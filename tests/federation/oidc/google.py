"""A stand-in for Google, which tests cannot reach: its published metadata's shape, its claims, and its quirks.

What differs from the real one: every address is on this machine. Google's own document, as it is published, is
`PUBLISHED`.
"""

from typing import Any

from tests.federation.oidc.provider import LEAVE_OUT, Provider

CLIENT_ID = "1234567890-abc123.apps.googleusercontent.com"

PUBLISHED: dict[str, Any] = {
    "issuer": "https://accounts.google.com",
    "authorization_endpoint": "https://accounts.google.com/o/oauth2/v2/auth",
    "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
    "token_endpoint": "https://oauth2.googleapis.com/token",
    "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
    "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
    "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
    "response_types_supported": [
        *("code", "token", "id_token", "code token", "code id_token", "token id_token", "code token id_token", "none")
    ],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "scopes_supported": ["openid", "email", "profile"],
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    "claims_supported": [
        *("aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "picture", "sub")
    ],
    "code_challenge_methods_supported": ["plain", "S256"],
    "grant_types_supported": [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
}

_OURS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "issuer")


def google(**more: Any) -> Provider:
    """The stand-in, with one person of the hosted domain corp.example."""
    provider = Provider(client_id=CLIENT_ID, **more)
    provider.person = {
        "sub": "110169484474386276334",
        "email": "jane@corp.example",
        "email_verified": True,
        "hd": "corp.example",
        "name": "Jane Doe",
        "given_name": "Jane",
        "family_name": "Doe",
        "picture": "https://lh3.googleusercontent.com/a/default-user=s96-c",
    }
    # No session id, and no auth_time, whatever max_age asks for; azp beside aud.
    provider.id_token_changes = {"azp": CLIENT_ID, "auth_time": LEAVE_OUT}
    provider.metadata_changes = {name: value for name, value in PUBLISHED.items() if name not in _OURS} | {
        "authorization_response_iss_parameter_supported": LEAVE_OUT,
    }
    # More comes back than any specification names, and scopes by their full addresses.
    provider.callback_changes = {
        "scope": "email profile openid https://www.googleapis.com/auth/userinfo.email",
        "authuser": "0",
        "hd": "corp.example",
        "prompt": "consent",
    }
    provider.token_changes = {
        "expires_in": 3599,
        "scope": "openid https://www.googleapis.com/auth/userinfo.email https://www.googleapis.com/auth/userinfo.profile",
    }
    return provider
