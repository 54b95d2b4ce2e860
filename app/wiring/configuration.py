"""Everything that one document describes: the kinds, in the order in which one stands on another."""

from app.admin.configuration.audiences import AudienceKind
from app.admin.configuration.clients import ClientKind
from app.admin.configuration.groups import GroupKind
from app.admin.configuration.providers import ProviderKind
from app.admin.configuration.roles import RoleKind
from app.admin.configuration.service import Configuration
from app.admin.configuration.webhooks import WebhookKind
from app.audiences.define import AudienceRegistration
from app.clients.given_secret import GivenSecrets
from app.clients.service import Clients
from app.federation.providers.parts import FederationParts
from app.webhooks.parts import WebhookParts
from app.wiring.ground import Ground
from app.wiring.rights import RightsParts


def build_configuration(
    ground: Ground,
    audiences: AudienceRegistration,
    rights: RightsParts,
    *,
    clients: Clients,
    hooks: WebhookParts,
    federation: FederationParts,
) -> Configuration:
    """Build it."""
    kinds = (
        AudienceKind(ground.audiences, audiences),
        RoleKind(rights.registration),
        GroupKind(rights.groups),
        ClientKind(clients, GivenSecrets(ground.clock, ground.audit)),
        WebhookKind(hooks.registry),
        ProviderKind(federation.registration),
    )
    return Configuration(ground.db, ground.clock, ground.audit, kinds)
