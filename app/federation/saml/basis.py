"""What the two profiles that we speak, sign-in and logout, stand on."""

from dataclasses import dataclass

from app.federation.saml.keys import OwnKeys
from app.federation.saml.memory import SeenMessages, UpstreamSessions
from app.federation.saml.metadata import MetadataCache
from app.federation.saml.threads import XMLThreads
from app.foundation.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SAMLBasis:
    """What is joined already: whose word counts, what we sign by, and what is remembered of messages."""

    clock: Clock
    metadata: MetadataCache
    keys: OwnKeys
    threads: XMLThreads
    seen: SeenMessages
    sessions: UpstreamSessions
    public_url: str
