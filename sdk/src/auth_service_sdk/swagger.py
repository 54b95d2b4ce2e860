"""Lets the docs page of a FastAPI application sign people in at the issuer whose tokens it trusts. Needs FastAPI."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi.openapi.models import OAuth2, OAuthFlowAuthorizationCode, OAuthFlows
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

from auth_service_sdk.issuers import OIDCIssuer, check_url
from auth_service_sdk.presets import Preset

_BELOW: dict[Preset | str, tuple[str, str]] = {
    Preset.KEYCLOAK: ("/protocol/openid-connect/auth", "/protocol/openid-connect/token"),
    Preset.AUTH0: ("/authorize", "/oauth/token"),
    Preset.OKTA: ("/v1/authorize", "/v1/token"),
    Preset.ZITADEL: ("/oauth/v2/authorize", "/oauth/v2/token"),
}
"""Where the endpoints are below the issuer's URL, in the words of each provider's documentation."""


class SwaggerLogin(SecurityBase):
    """The *Authorize* button of `/docs`: authorization code with PKCE at `issuer`, by a public client of its own.

        from auth_service_sdk.swagger import SwaggerLogin

        login = SwaggerLogin(keycloak, client_id="orders-docs")
        app = FastAPI(dependencies=[Depends(login)], swagger_ui_init_oauth=login.init_oauth)

    It checks nothing: the middleware and the rules do. At the issuer the client has no secret, the redirect URI
    `<origin>/docs/oauth2-redirect`, and the application's origin among those that may ask from a browser. The two
    URLs are known for Keycloak, Auth0, Okta, Entra, Zitadel and authentik; for others they must be given.
    `parameters` are sent along with the request to sign in, as `{"kc_idp_hint": "corp"}`.

    Raises ValueError for arguments that cannot work.
    """

    def __init__(
        self,
        issuer: OIDCIssuer,
        *,
        client_id: str,
        scopes: Iterable[str] = ("openid",),
        authorization_url: str | None = None,
        token_url: str | None = None,
        parameters: Mapping[str, str] | None = None,
    ) -> None:
        if issuer.preset == Preset.GOOGLE:
            # Its token endpoint wants a secret of every web client, and what it gives is opaque.
            raise ValueError("Google signs nobody in without a client secret, which a page cannot keep")
        names = (scopes,) if isinstance(scopes, str) else tuple(scopes)
        if not client_id or not all(isinstance(name, str) and name and " " not in name for name in names):
            raise ValueError(f"client_id and scopes must be names without spaces, got {client_id!r} and {scopes!r}")
        known = _endpoints(issuer)
        urls = [given or found for given, found in zip((authorization_url, token_url), known, strict=True)]
        for name, url in zip(("authorization_url", "token_url"), urls, strict=True):
            if url is None:
                raise ValueError(f"{name} must be given: the preset {issuer.preset} does not say where it is")
            check_url(name, url, own=True, allow_private=issuer.allow_private)
        flow = OAuthFlowAuthorizationCode(
            authorizationUrl=str(urls[0]), tokenUrl=str(urls[1]), scopes=dict.fromkeys(names, "")
        )
        self.model = OAuth2(flows=OAuthFlows(authorizationCode=flow), description=f"Sign in at {issuer.url}.")
        self.scheme_name = "sign-in"
        self.init_oauth: dict[str, Any] = {
            "clientId": client_id,
            "usePkceWithAuthorizationCodeGrant": True,
            "scopes": " ".join(names),
        }
        # Without an audience Auth0 gives an opaque token for its own userinfo endpoint.
        own = {"audience": min(issuer.audiences)} if issuer.preset == Preset.AUTH0 else {}
        if own or parameters:
            self.init_oauth["additionalQueryStringParams"] = own | dict(parameters or {})

    async def __call__(self, connection: HTTPConnection) -> None:
        """Describe, and let everybody pass."""


def _endpoints(issuer: OIDCIssuer) -> tuple[str | None, str | None]:
    base = issuer.url.rstrip("/")
    if issuer.preset == Preset.ENTRA:
        base = f"https://login.microsoftonline.com/{issuer.tenant}/oauth2/v2.0"
        return f"{base}/authorize", f"{base}/token"
    if issuer.preset == Preset.AUTHENTIK:
        # One pair for all of its applications.
        parts = urlsplit(base)
        origin = f"{parts.scheme}://{parts.netloc}/application/o"
        return f"{origin}/authorize/", f"{origin}/token/"
    below = _BELOW.get(issuer.preset)
    return (None, None) if below is None else (base + below[0], base + below[1])
