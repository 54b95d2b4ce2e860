"""The services of identity providers."""

from dataclasses import dataclass

from app.federation.providers.connectors import Connectors
from app.federation.providers.registration import ProviderRegistration
from app.federation.providers.service import IdentityProviders
from app.foundation.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class FederationParts(Parts):
    """The registry for sign-ins, the same for administrators, and what speaks to each provider."""

    providers: IdentityProviders
    registration: ProviderRegistration
    connectors: Connectors
