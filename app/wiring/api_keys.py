"""Builds the services of API keys."""

from datetime import timedelta

from app.account.keys.service import OwnAPIKeys
from app.apikeys.inspect import APIKeyInspection
from app.apikeys.issue import APIKeyIssuance
from app.apikeys.owner import Holdings
from app.apikeys.parts import APIKeyParts
from app.apikeys.reading import KeyReader
from app.apikeys.registrar import APIKeyRegistrar
from app.apikeys.service import APIKeys
from app.apikeys.usage import LastUses
from app.clients.service import Clients
from app.factors.service import Factors
from app.foundation.fresh import FreshAuth
from app.grants.inspect import GrantInspection
from app.sessions.service import Sessions
from app.wiring.ground import Ground


def build_api_keys(ground: Ground, clients: Clients) -> APIKeyParts:
    """Build them."""
    db, clock, audit, audiences, roles = ground.db, ground.clock, ground.audit, ground.audiences, ground.roles
    uses = LastUses(db, clock)
    holdings = Holdings(roles, clients)
    registry = APIKeys(clock, audit, ground.revocations)
    issuance = APIKeyIssuance(clock, audit, ground.revocations, holdings, per_owner=ground.settings.api_keys.per_owner)
    return APIKeyParts(
        registry=registry,
        registrar=APIKeyRegistrar(
            db,
            keys=registry,
            issuance=issuance,
            users=ground.users,
            clients=clients,
            audiences=audiences,
            overlap=timedelta(seconds=ground.settings.api_keys.overlap_seconds),
        ),
        issuance=issuance,
        inspection=APIKeyInspection(KeyReader(db), clock, audiences=audiences, roles=roles, uses=uses),
        uses=uses,
    )


def build_own_api_keys(
    ground: Ground,
    keys: APIKeyParts,
    sessions: Sessions,
    *,
    factors: Factors,
    grants: GrantInspection,
    fresh: FreshAuth,
) -> OwnAPIKeys:
    """Build what people do with their own."""
    return OwnAPIKeys(
        ground.db,
        keys,
        users=ground.users,
        sessions=sessions,
        audiences=ground.audiences,
        roles=ground.roles,
        factors=factors,
        grants=grants,
        fresh=fresh,
        overlap=timedelta(seconds=ground.settings.api_keys.overlap_seconds),
    )
