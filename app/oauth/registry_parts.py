"""The services around clients and what people allow them."""

from dataclasses import dataclass

from app.clients.logos import ClientLogos
from app.foundation.parts import Parts
from app.lifecycle.consent import ConsentWithdrawal
from app.logout.collect import LogoutCollector
from app.logout.deliver import LogoutDelivery
from app.logout.request import LogoutRequests
from app.logout.service import BrowserSignOut
from app.oauth.protected_resource import ProtectedResource


@dataclass(frozen=True, slots=True, kw_only=True)
class RegistryParts(Parts):
    """What `wiring.registry` builds."""

    withdrawal: ConsentWithdrawal
    collector: LogoutCollector
    delivery: LogoutDelivery
    browser: BrowserSignOut
    requests: LogoutRequests
    logos: ClientLogos
    resource: ProtectedResource
