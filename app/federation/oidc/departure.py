"""Where a sign-in begins: the request that the browser takes to the provider. Spec: OpenID Connect Core §3.1.2.1."""

from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from app.federation.connector import Asked, Connection, Departure
from app.federation.oidc.plain_setup import PlainSetup
from app.federation.oidc.setup import OIDCSetup
from app.foundation.secrets import random_secret
from app.protocols.oauth.pkce import challenge_of
from app.protocols.oidc.upstream_metadata import ProviderMetadata


def depart(
    connection: Connection, setup: OIDCSetup, metadata: ProviderMetadata, asked: Asked, *, now: datetime
) -> Departure:
    """To an OpenID provider. What is kept binds its answer to this sign-in, this browser's and nobody else's."""
    nonce, verifier = random_secret(), random_secret()
    moment = int(now.timestamp())
    scopes = setup.scopes
    added = dict(setup.parameters)
    if connection.policy.keeps_refresh_token:
        scopes = (*scopes, *((setup.offline_scope,) if setup.offline_scope not in (None, *scopes) else ()))
        added |= setup.offline_parameters
    if asked.prompts_again:
        added["prompt"] = " ".join(dict.fromkeys([setup.prompt_again, *added.get("prompt", "").split()]))
    optional = {
        "login_hint": asked.login_hint,
        "ui_locales": asked.ui_locales,
        "max_age": None if asked.max_age is None else str(asked.max_age),
    }
    added |= {name: value for name, value in optional.items() if value is not None}
    kept: dict[str, object] = {"nonce": nonce, "code_verifier": verifier, "issuer": setup.issuer.name}
    if asked.max_age is not None:
        kept["authenticated_since"] = moment - asked.max_age
    ours = _ours(setup.client_id, connection, asked, scopes, verifier) | {"nonce": nonce}
    return Departure(url=_with_query(metadata.authorization_endpoint, added | ours), kept=kept)


def depart_plainly(connection: Connection, setup: PlainSetup, asked: Asked) -> Departure:
    """To a plain OAuth 2.0 provider: there is no ID token, and so no nonce to come back in it."""
    verifier = random_secret()
    hints = {} if asked.login_hint is None else {"login": asked.login_hint}
    ours = _ours(setup.client_id, connection, asked, setup.scopes, verifier)
    kept = {"code_verifier": verifier, "issuer": setup.issuer}
    return Departure(url=_with_query(setup.authorization_endpoint, {**setup.parameters, **hints, **ours}), kept=kept)


def _ours(
    client_id: str, connection: Connection, asked: Asked, scopes: tuple[str, ...], verifier: str
) -> dict[str, str]:
    challenge = challenge_of(verifier)
    assert challenge is not None  # noqa: S101 — made of our own random text
    return {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": connection.callback_url,
        **({"scope": " ".join(scopes)} if scopes else {}),
        "state": asked.state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }


def _with_query(address: str, parameters: Mapping[str, str]) -> str:
    """An address with further parameters behind those that it has. Spec: RFC 6749 §3.1."""
    mark = "&" if urlsplit(address).query else "?"
    return address.rstrip("?") + mark + urlencode(parameters)
