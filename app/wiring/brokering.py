"""Federated sign-in: out to other providers, back, and into a session."""

from datetime import timedelta

from app.brokering.admission import Admission
from app.brokering.arrival import Arrivals
from app.brokering.asked import AppRequests
from app.brokering.callback import Callbacks
from app.brokering.conclude import Conclusions
from app.brokering.departure import Departures
from app.brokering.exchange import ExchangeCodes
from app.brokering.guard import ProviderGuard
from app.brokering.keeping import Sealing
from app.brokering.linking import IdentityLinking
from app.brokering.logout import UpstreamLogouts
from app.brokering.parts import BrokeringParts
from app.brokering.turns import Turns
from app.factors.service import Factors
from app.federation.identities.decide import Demands
from app.federation.providers.parts import FederationParts
from app.grants.by_cookie import BrowserInspection
from app.grants.issue import GrantIssuance
from app.hosted.begin import SignInPages
from app.lifecycle.identities import IdentityUnlinking
from app.login.federated import FederatedSignIn
from app.login.sign_in import SignIn
from app.registration.verification import EmailVerification
from app.sessions.service import Sessions
from app.wiring.ground import Ground
from app.wiring.rights import RightsParts


def build_brokering(
    ground: Ground,
    federation: FederationParts,
    rights: RightsParts,
    *,
    factors: Factors,
    sessions: Sessions,
    issuance: GrantIssuance,
    sign_in: SignIn,
    browsers: BrowserInspection,
    pages: SignInPages,
    verification: EmailVerification,
) -> BrokeringParts:
    """Build it. No provider is asked before somebody signs in by it."""
    db, clock, flows, audit, settings = ground.db, ground.clock, ground.flows, ground.audit, ground.settings
    identities, providers, connectors = ground.identities, federation.providers, federation.connectors
    turns = Turns(within=settings.federation.answer_seconds)
    sealing, guard = Sealing(ground.keyring), ProviderGuard(settings.federation, turns)
    conclusions = Conclusions(db, flows, audit, issuer=ground.issuer, turns=turns)
    demands = Demands(verified_email=settings.requires_verified_email, hides_existence=settings.hides_existence)
    admission = Admission(db, audit=audit, users=ground.users, identities=identities, demands=demands)
    departures = Departures(
        db,
        clock,
        flows=flows,
        providers=providers,
        connectors=connectors,
        pages=pages,
        apps=AppRequests(db, ground.audiences),
        guard=guard,
        sealing=sealing,
        conclusions=conclusions,
        limits=ground.limits,
        turns=turns,
    )
    codes = ExchangeCodes(
        db,
        clock,
        audit=audit,
        audiences=ground.audiences,
        users=ground.users,
        sessions=sessions,
        grants=issuance,
        identities=identities,
        lifetime=settings.federation.code_lifetime,
    )
    arrivals = Arrivals(
        db,
        clock,
        flows=flows,
        providers=providers,
        admission=admission,
        rights=rights.provider_rights,
        sign_in=FederatedSignIn(db, audiences=ground.audiences, sign_in=sign_in),
        browsers=browsers,
        pages=pages,
        codes=codes,
        verification=verification,
        sealing=sealing,
        conclusions=conclusions,
        turns=turns,
    )
    linking = IdentityLinking(
        db,
        clock,
        flows=flows,
        providers=providers,
        departures=departures,
        admission=admission,
        browsers=browsers,
        pages=pages,
        sealing=sealing,
        conclusions=conclusions,
        within=timedelta(seconds=settings.account.fresh_auth_seconds),
    )
    return BrokeringParts(
        departures=departures,
        arrivals=arrivals,
        callbacks=Callbacks(
            arrivals=arrivals,
            providers=providers,
            connectors=connectors,
            guard=guard,
            conclusions=conclusions,
            turns=turns,
        ),
        conclusions=conclusions,
        codes=codes,
        linking=linking,
        unlinking=IdentityUnlinking(
            db,
            users=ground.users,
            factors=factors,
            identities=identities,
            rights=rights.provider_rights,
            sessions=sessions,
        ),
        logouts=UpstreamLogouts(
            db,
            audit=audit,
            providers=providers,
            connectors=connectors,
            identities=identities,
            sessions=sessions,
            guard=guard,
            limits=ground.limits,
        ),
        guard=guard,
    )
