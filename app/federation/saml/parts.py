"""The services of SAML."""

from dataclasses import dataclass

from app.audit.service import AuditLog
from app.federation.saml.basis import SAMLBasis
from app.federation.saml.connector import SAMLConnector
from app.federation.saml.keys import OwnKeys
from app.federation.saml.logout import SAMLLogout
from app.federation.saml.memory import ParkedResponses, SeenMessages, UpstreamSessions
from app.federation.saml.metadata import MetadataCache
from app.federation.saml.rotation import SAMLKeyRotation
from app.federation.saml.threads import XMLThreads
from app.foundation.clock import Clock
from app.foundation.db import Database
from app.foundation.encryption import Keyring
from app.foundation.http.outbound import Outbound
from app.foundation.parts import Parts


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLParts(Parts):
    """What speaks SAML, and what remembers for it."""

    connector: SAMLConnector
    logout: SAMLLogout
    parked: ParkedResponses
    rotation: SAMLKeyRotation

    @classmethod
    def build(
        cls,
        db: Database,
        clock: Clock,
        keyring: Keyring,
        audit: AuditLog,
        outbound: Outbound,
        *,
        in_settings: Outbound,
        public_url: str,
    ) -> "SAMLParts":
        """Build them. Nothing is asked of anybody yet."""
        keys = OwnKeys(db, clock, keyring, public_url=public_url)
        basis = SAMLBasis(
            clock=clock,
            metadata=MetadataCache(outbound, clock, in_settings=in_settings),
            keys=keys,
            threads=XMLThreads(),
            seen=SeenMessages(db),
            sessions=UpstreamSessions(db, clock, keyring),
            public_url=public_url,
        )
        return cls(
            connector=SAMLConnector(basis),
            logout=SAMLLogout(basis),
            parked=ParkedResponses(db, clock, keyring),
            rotation=SAMLKeyRotation(db, clock, audit, keys),
        )
