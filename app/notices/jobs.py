"""What the worker tells the security mails of."""

from collections.abc import Sequence

from app.apikeys.events import APIKeyCreated, APIKeyLeaked
from app.audit.fanout import Subscription
from app.factors.password.events import AccountLocked
from app.federation.identities.events import IdentityLinked, IdentityUnlinked
from app.lifecycle.events import FactorEnrolled, FactorRemoved, FactorsReset, RecoveryCodesMade
from app.notices.service import SecurityMails
from app.sessions.events import SessionCreated

_NAME = "security mail"


def subscriptions(mails: SecurityMails) -> Sequence[Subscription]:
    """Each kind of event and who writes its mail."""
    changes = (FactorEnrolled, FactorRemoved, FactorsReset, RecoveryCodesMade)
    return (
        Subscription(SessionCreated.type, mails.tell_of_new_device, _NAME),
        Subscription(AccountLocked.type, mails.tell_of_lockout, _NAME),
        *(Subscription(kind.type, mails.tell_of_key, _NAME) for kind in (APIKeyCreated, APIKeyLeaked)),
        *(Subscription(kind.type, mails.tell_of_identity, _NAME) for kind in (IdentityLinked, IdentityUnlinked)),
        *(Subscription(kind.type, mails.tell_of_changed_factors, _NAME) for kind in changes),
    )
