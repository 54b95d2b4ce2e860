"""The services of federated sign-in."""

from dataclasses import dataclass

from app.brokering.arrival import Arrivals
from app.brokering.callback import Callbacks
from app.brokering.conclude import Conclusions
from app.brokering.departure import Departures
from app.brokering.exchange import ExchangeCodes
from app.brokering.guard import ProviderGuard
from app.brokering.linking import IdentityLinking
from app.brokering.logout import UpstreamLogouts
from app.foundation.parts import Parts
from app.lifecycle.identities import IdentityUnlinking


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokeringParts(Parts):
    """What `wiring.brokering` builds."""

    departures: Departures
    arrivals: Arrivals
    callbacks: Callbacks
    conclusions: Conclusions
    codes: ExchangeCodes
    linking: IdentityLinking
    unlinking: IdentityUnlinking
    logouts: UpstreamLogouts
    guard: ProviderGuard
