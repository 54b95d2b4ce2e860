"""What every feature stands on: settings, engines, and the services of the lowest layers."""

from dataclasses import dataclass

from app.audiences.service import Audiences
from app.audit.service import AuditLog
from app.federation.identities.service import Identities
from app.flows.service import Flows
from app.foundation.cache import Cache
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.http.outbound import Outbound
from app.foundation.ratelimit import RateLimiter
from app.limits.service import DEVELOPMENT_WIDTH, Limits
from app.revocation.filter import RevocationFilter
from app.revocation.follow import Follower
from app.revocation.kinds import RevocationKind
from app.revocation.lookup import RevocationLookup
from app.revocation.service import Revocations
from app.revocation.wake import Wake
from app.roles.service import Roles
from app.settings import Settings
from app.signing_keys.service import SigningKeys
from app.users.service import Users


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """The parts that more than one module of the wiring builds on. `width` is how much wider limits are here."""

    settings: Settings
    width: int
    clock: Clock
    db: Database
    cache: Cache
    keyring: Keyring
    outbound: Outbound
    audit: AuditLog
    wake: Wake
    revocations: Revocations
    follower: Follower
    filter: RevocationFilter
    lookup: RevocationLookup
    limits: Limits
    flows: Flows
    keys: SigningKeys
    audiences: Audiences
    roles: Roles
    users: Users
    identities: Identities

    @property
    def issuer(self) -> str:
        """What `iss` is in every token of ours."""
        return self.settings.public_url

    @classmethod
    def build(cls, settings: Settings) -> "Ground":
        """Build them. Nothing is connected yet."""
        clock = Clock()
        postgres, redis = settings.database, settings.redis
        db = Database(
            postgres.url.get_secret_value(), pool_size=postgres.pool_size, answer_seconds=postgres.answer_seconds
        )
        audit = AuditLog(clock)
        keyring = Keyring(settings.encryption.parsed())
        cache = Cache(redis.url.get_secret_value() if redis.url else None, answer_seconds=redis.answer_seconds)
        wake = Wake(cache)
        width = 1 if settings.is_production else DEVELOPMENT_WIDTH
        limiter = RateLimiter(cache, processes=settings.limits.processes)
        jwks_seconds = settings.signing.jwks_max_age_seconds
        keys = SigningKeys(db, clock, keyring, audit, settings.jwt, jwks_max_age_seconds=jwks_seconds)
        follower = Follower()
        follower.listen(RevocationKind.KID, lambda _: keys.look_soon(), forget=keys.look_soon)
        stored = RevocationFilter(cache)
        issuer = settings.public_url
        return cls(
            settings=settings,
            width=width,
            clock=clock,
            db=db,
            cache=cache,
            keyring=keyring,
            outbound=Outbound(settings.http.egress()),
            audit=audit,
            wake=wake,
            revocations=Revocations(clock, wake, stored),
            follower=follower,
            filter=stored,
            lookup=RevocationLookup(stored, follower),
            flows=Flows(db, clock, settings.flows),
            limits=Limits(limiter, db, audit, settings.limits, key=keyring.derive("rate limits"), width=width),
            keys=keys,
            audiences=Audiences(db, keys, issuer=issuer, default_algorithm=settings.jwt.algorithm),
            roles=Roles(db),
            users=Users(clock, audit, signup_open=settings.accounts.signup_open),
            identities=Identities(clock, keyring, audit),
        )
