"""Builds the services of API keys."""

from app.apikeys.inspect import APIKeyInspection
from app.apikeys.issue import APIKeyIssuance
from app.apikeys.owner import Holdings
from app.apikeys.parts import APIKeyParts
from app.apikeys.reading import KeyReader
from app.apikeys.service import APIKeys
from app.apikeys.usage import LastUses
from app.clients.service import Clients
from app.wiring.ground import Ground


def build_api_keys(ground: Ground, clients: Clients) -> APIKeyParts:
    """Build them."""
    db, clock, audit, audiences, roles = ground.db, ground.clock, ground.audit, ground.audiences, ground.roles
    uses = LastUses(db, clock)
    holdings = Holdings(roles, clients)
    return APIKeyParts(
        registry=APIKeys(clock, audit, ground.revocations),
        issuance=APIKeyIssuance(clock, audit, holdings, per_owner=ground.settings.api_keys.per_owner),
        inspection=APIKeyInspection(KeyReader(db), clock, audiences=audiences, roles=roles, uses=uses),
        uses=uses,
    )
