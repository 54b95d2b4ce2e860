"""The addresses of OAuth's endpoints that more than one module needs."""

AUTHORIZE_PATH = "/oauth/authorize"

BROWSER_CLIENT_PATHS = frozenset(
    {
        "/oauth/token",
        "/oauth/userinfo",
        "/oauth/revoke",
        "/auth/oauth/exchange",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/jwks.json",
        "/.well-known/oauth-protected-resource",
    }
)
"""What a client that runs in a browser calls by script: its own origins may read the answers, with credentials."""
