"""The words by which a client says how it proves itself and what it may ask for. Spec: RFC 7591 §2."""

from enum import StrEnum


class AuthMethod(StrEnum):
    """How a client proves itself at the token endpoint; each client has exactly one. Spec: OpenID Connect Core §9."""

    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY_JWT = "private_key_jwt"
    NONE = "none"

    @property
    def has_secret(self) -> bool:
        """Whether the client holds a secret of ours."""
        return self in {AuthMethod.BASIC, AuthMethod.POST}


class GrantType(StrEnum):
    """What a client may be allowed to redeem."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"  # noqa: S105 — the word of the specification
    CLIENT_CREDENTIALS = "client_credentials"
