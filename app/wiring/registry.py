"""What surrounds clients: their pictures, what people allow them, and telling them of sign-outs."""

from datetime import timedelta

from app.audiences.own import OWN_SCOPES
from app.clients.logos import ClientLogos
from app.grants.withdraw import GrantWithdrawal
from app.lifecycle.consent import ConsentWithdrawal
from app.logout.collect import LogoutCollector
from app.logout.deliver import LogoutDelivery
from app.logout.request import LogoutRequests
from app.logout.service import BrowserSignOut
from app.oauth.parts import OAuthParts
from app.oauth.protected_resource import ProtectedResource
from app.oauth.registry_parts import RegistryParts
from app.sessions.service import Sessions
from app.wiring.ground import Ground


def build_registry(ground: Ground, oauth: OAuthParts, sessions: Sessions) -> RegistryParts:
    """Build them. Nothing is sent before the worker runs."""
    db, clock, settings, issuer = ground.db, ground.clock, ground.settings, ground.issuer
    return RegistryParts(
        withdrawal=ConsentWithdrawal(
            db,
            users=ground.users,
            consents=oauth.consents,
            grants=GrantWithdrawal(clock, ground.revocations),
            sessions=sessions,
        ),
        collector=LogoutCollector(db, clock, retry=timedelta(seconds=settings.logout.retry_seconds)),
        delivery=LogoutDelivery(
            db, clock, audit=ground.audit, keys=ground.keys, outbound=ground.outbound, issuer=issuer
        ),
        browser=BrowserSignOut(db, sessions, issuer=issuer, forward_seconds=settings.logout.forward_seconds),
        requests=LogoutRequests(oauth.directory, ground.keys, issuer=issuer),
        logos=ClientLogos(db, clock, ground.outbound),
        resource=ProtectedResource(issuer=issuer, name=settings.pages.name, scopes=tuple(OWN_SCOPES)),
    )
