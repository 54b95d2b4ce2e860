"""Telling downstream services about credentials."""

from app.apikeys.parts import APIKeyParts
from app.grants.inspect import GrantInspection
from app.oauth.introspection import Introspection
from app.oauth.parts import OAuthParts
from app.wiring.ground import Ground


def build_introspection(ground: Ground, keys: APIKeyParts, oauth: OAuthParts, grants: GrantInspection) -> Introspection:
    """What answers them about API keys and access tokens."""
    return Introspection(
        keys.inspection,
        signing_keys=ground.keys,
        grants=grants,
        clients=oauth.liveness,
        lookup=ground.lookup,
        audiences=ground.audiences,
        issuer=ground.issuer,
    )
