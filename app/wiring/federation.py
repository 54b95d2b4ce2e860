"""Identity providers that this service trusts: the connectors, and the registry of connections."""

from urllib.parse import urlsplit

from app.federation.oidc.connector import OIDCConnector
from app.federation.oidc.reach import Reach
from app.federation.providers.connectors import Connectors
from app.federation.providers.declared import declared
from app.federation.providers.hanging import Links
from app.federation.providers.parts import FederationParts
from app.federation.providers.registration import ProviderRegistration
from app.federation.providers.rights import GivenRights
from app.federation.providers.service import IdentityProviders
from app.federation.providers.stored import Shelf
from app.federation.saml.parts import SAMLParts
from app.foundation.http.egress import Egress
from app.foundation.http.outbound import Outbound
from app.settings import Settings
from app.wiring.ground import Ground
from app.wiring.rights import RightsParts


def build_federation(ground: Ground, rights: RightsParts) -> tuple[FederationParts, SAMLParts]:
    """Build them. No provider is asked for anything before somebody signs in by it. Raises SettingsError."""
    settings = ground.settings
    in_settings = Outbound(Egress(hosts=_named(settings)))
    reach = Reach(ground.outbound, in_settings=in_settings, public=Outbound(Egress()))
    saml = SAMLParts.build(
        ground.db,
        ground.clock,
        ground.keyring,
        ground.audit,
        ground.outbound,
        in_settings=in_settings,
        public_url=ground.issuer,
    )
    connectors = Connectors((OIDCConnector(reach, ground.clock), saml.connector))
    links: tuple[Links, ...] = (ground.identities,)
    shelf = Shelf(ground.keyring, connectors, issuer=ground.issuer)
    from_settings = declared(
        settings.google,
        settings.keycloak,
        settings.identity_providers,
        connectors=connectors,
        issuer=ground.issuer,
    )
    parts = FederationParts(
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
    return parts, saml


def _named(settings: Settings) -> frozenset[str]:
    """The hosts that the settings name in addresses of providers: those may be private."""
    told = (member for one in settings.identity_providers.declared for member in one.config.values())
    addresses = (settings.google.metadata_url, settings.keycloak.metadata_url, *told)
    hosts = (urlsplit(one).hostname for one in addresses if isinstance(one, str) and "://" in one)
    return frozenset(host for host in hosts if host)
