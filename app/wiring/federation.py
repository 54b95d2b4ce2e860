"""Identity providers that this service trusts: the connectors, and the registry of connections."""

from app.federation.connector import Connector
from app.federation.providers.connectors import Connectors
from app.federation.providers.declared import declared
from app.federation.providers.hanging import Links
from app.federation.providers.parts import FederationParts
from app.federation.providers.registration import ProviderRegistration
from app.federation.providers.rights import GivenRights
from app.federation.providers.service import IdentityProviders
from app.federation.providers.stored import Shelf
from app.wiring.ground import Ground
from app.wiring.rights import RightsParts


def build_federation(ground: Ground, rights: RightsParts) -> FederationParts:
    """Build them. No provider is asked for anything before somebody signs in by it. Raises SettingsError."""
    settings = ground.settings
    connectors = Connectors(_connectors())
    links: tuple[Links, ...] = (ground.identities,)
    shelf = Shelf(ground.keyring, issuer=ground.issuer)
    from_settings = declared(
        settings.google,
        settings.keycloak,
        settings.identity_providers,
        connectors=connectors,
        issuer=ground.issuer,
    )
    return FederationParts(
        providers=IdentityProviders(ground.db, shelf, declared=from_settings),
        registration=ProviderRegistration(
            ground.db,
            ground.clock,
            ground.audit,
            shelf=shelf,
            connectors=connectors,
            given=GivenRights(ground.audiences, rights.registration, rights.groups),
            links=links,
            declared=from_settings,
        ),
        connectors=connectors,
    )


def _connectors() -> tuple[Connector, ...]:
    """What this service speaks."""
    return ()
