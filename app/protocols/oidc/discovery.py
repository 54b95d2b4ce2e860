"""What a client may learn of this server before it asks. Specs: OpenID Connect Discovery §3, RFC 8414 §2."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from app.protocols.assurance import ACR
from app.protocols.jose.algorithms import Algorithm
from app.protocols.oauth.registration import AuthMethod, GrantType
from app.protocols.oidc.scopes import IDENTITY_SCOPES, USER_CLAIMS

OPENID_CONFIGURATION = "/.well-known/openid-configuration"
AUTHORIZATION_SERVER = "/.well-known/oauth-authorization-server"

ENDPOINTS: Mapping[str, str] = MappingProxyType(
    {
        "authorization_endpoint": "/oauth/authorize",
        "token_endpoint": "/oauth/token",
        "userinfo_endpoint": "/oauth/userinfo",
        "jwks_uri": "/.well-known/jwks.json",
        "introspection_endpoint": "/oauth/introspect",
        "revocation_endpoint": "/oauth/revoke",
        "end_session_endpoint": "/oauth/logout",
    }
)
"""Each member that names an address, and the path that it names."""

_PROVING = [method.value for method in AuthMethod if method is not AuthMethod.NONE]
_ALGORITHMS = [algorithm.value for algorithm in Algorithm]
_TOKEN_CLAIMS = ("iss", "aud", "exp", "iat", "auth_time", "acr", "amr", "azp", "nonce", "sid", "at_hash")


def metadata(issuer: str, *, ui_locales: Sequence[str]) -> dict[str, object]:
    """Everything that works, and nothing else. Every address begins with the issuer, whatever host was asked."""
    return {
        "issuer": issuer,
        **{member: issuer + path for member, path in ENDPOINTS.items()},
        "scopes_supported": list(IDENTITY_SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": [grant.value for grant in GrantType],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": _ALGORITHMS,
        "token_endpoint_auth_methods_supported": [method.value for method in AuthMethod],
        "token_endpoint_auth_signing_alg_values_supported": _ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": _PROVING,
        "introspection_endpoint_auth_signing_alg_values_supported": _ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": [method.value for method in AuthMethod],
        "revocation_endpoint_auth_signing_alg_values_supported": _ALGORITHMS,
        "code_challenge_methods_supported": ["S256"],
        "claim_types_supported": ["normal"],
        "claims_supported": sorted({*USER_CLAIMS, *_TOKEN_CLAIMS}),
        "claims_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "acr_values_supported": [acr.value for acr in ACR],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "ui_locales_supported": list(ui_locales),
    }
