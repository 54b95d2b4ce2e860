"""Every feature's rules about what is past use, in one place."""

from collections.abc import Sequence
from datetime import timedelta

from app.apikeys import purge as apikeys
from app.audit import purge as audit
from app.audit.retention import ChainCut
from app.audit.trimming import LogTrimming
from app.brokering import purge as brokering
from app.clients import purge as clients
from app.factors.email_code import purge as email_code
from app.factors.passkey import purge as passkey
from app.federation.identities import purge as identities
from app.federation.saml import purge as saml
from app.flows import purge as flows
from app.foundation import job_purge
from app.foundation.idempotency import purge as kept_answers
from app.foundation.mail import purge as mail
from app.foundation.purge import Pace, PartitionRule, Purge, PurgeRule
from app.grants import purge as grants
from app.hosted import purge as hosted
from app.links import purge as links
from app.login import purge as login
from app.logout import purge as logout
from app.revocation import purge as revocation
from app.sessions import purge as sessions
from app.settings import Settings
from app.stepup import purge as stepup
from app.transfer import purge as transfer
from app.trust import purge as trust
from app.webhooks import purge as webhooks
from app.wiring.ground import Ground


def build(ground: Ground) -> Purge:
    """What removes the rest. Nothing is connected before it runs."""
    settings = ground.settings
    pace = Pace(batch_rows=settings.purge.batch_rows, pause=timedelta(milliseconds=settings.purge.pause_milliseconds))
    url = settings.database.url.get_secret_value()
    return Purge(url, ground.clock, rules(settings), partitions(ground), pace=pace)


def rules(settings: Settings) -> Sequence[PurgeRule]:
    """The rules for rows, in the order in which they are applied."""
    absolute = _longest(settings)
    return (
        *email_code.RULES,
        *passkey.RULES,
        *login.RULES,
        *hosted.RULES,
        *trust.RULES,
        *stepup.RULES,
        *clients.RULES,
        *links.RULES,
        *flows.rules(settings.flows),
        *saml.RULES,
        *brokering.RULES,
        *identities.rules(absolute=absolute),
        *apikeys.RULES,
        *grants.rules(absolute=absolute),
        *sessions.rules(absolute=absolute),
        *mail.RULES,
        *kept_answers.RULES,
        *transfer.RULES,
        *webhooks.rules(settings.webhooks),
        *logout.rules(),
        *revocation.RULES,
        *audit.RULES,
        *job_purge.RULES,
    )


def partitions(ground: Ground) -> Sequence[PartitionRule]:
    """The rules for whole months."""
    days = ground.settings.audit.retention_days
    trimming = LogTrimming(ChainCut(ground.clock), ground.audit)
    log = () if days is None else (PartitionRule(table="audit_entries", kept=timedelta(days=days), prepare=trimming),)
    return (*grants.partitions(absolute=_longest(ground.settings)), *log)


def _longest(settings: Settings) -> timedelta:
    """How long a session can live."""
    return timedelta(seconds=max(settings.sessions.absolute_seconds, settings.sessions.browser_absolute_seconds))
