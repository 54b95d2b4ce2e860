"""What the worker does for addresses when something happened."""

from collections.abc import Sequence

from app.audit.fanout import PastEvent, Subscription
from app.registration.email_change import EmailChange
from app.registration.verification import EmailVerification
from app.users.user import Entry

_NAME = "address mails"


def subscriptions(verification: EmailVerification, email_change: EmailChange) -> Sequence[Subscription]:
    """Which events lead to a mail. Told twice, they mail twice, and the newer link is the good one."""

    async def created(event: PastEvent) -> None:
        if event.subject is not None and event.details.get("entry") in {Entry.SIGN_UP, Entry.FEDERATION}:
            await verification.send(event.subject)

    async def requested(event: PastEvent) -> None:
        identifier = event.details.get("identifier")
        if isinstance(identifier, str):
            await verification.send_to_owner_of(identifier)

    async def login_failed(event: PastEvent) -> None:
        # The password was right: whoever has it waits for a link.
        if event.subject is not None and event.details.get("reason") == "email not verified":
            await verification.send(event.subject)

    async def refused(event: PastEvent) -> None:
        if event.subject is not None and event.details.get("reason") == "email_taken":
            await verification.tell_of_account(event.subject)

    async def change_requested(event: PastEvent) -> None:
        if event.subject is not None:
            await email_change.send(event.subject, str(event.details["new_email"]), at=event.at)

    return (
        Subscription("user.created", created, _NAME),
        Subscription("email.verification_requested", requested, _NAME),
        Subscription("login.failed", login_failed, _NAME),
        Subscription("registration.refused", refused, _NAME),
        Subscription("email.change_requested", change_requested, _NAME),
    )
