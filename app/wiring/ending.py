"""The panic switch."""

from app.apikeys.service import APIKeys
from app.clients.service import Clients
from app.grants.cut_off import GrantCutOff
from app.lifecycle.ending import EverythingEnding
from app.lifecycle.interruption import Interruption
from app.wiring.ground import Ground


def build_ending(
    ground: Ground, interruption: Interruption, *, clients: Clients, api_keys: APIKeys
) -> EverythingEnding:
    """What ends everything of a user, a client or an audience."""
    return EverythingEnding(
        ground.db,
        ground.audit,
        ground.revocations,
        interruption=interruption,
        clients=clients,
        audiences=ground.audiences,
        grants=GrantCutOff(ground.clock),
        api_keys=api_keys,
    )
