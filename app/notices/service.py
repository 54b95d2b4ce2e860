"""Writing the security mails."""

from collections.abc import Mapping

from app.apikeys.events import APIKeyLeaked
from app.audit import history
from app.audit.event import ActorKind
from app.audit.fanout import PastEvent
from app.audit.history import PastEntry
from app.federation.identities.decide import How
from app.federation.identities.events import IdentityUnlinked
from app.federation.providers.errors import IdentityProviderNotFound
from app.federation.providers.service import IdentityProviders
from app.foundation.db import Database, Transaction
from app.foundation.device import device_of, network_of
from app.foundation.encryption import DecryptionFailed
from app.foundation.mail.outbox import Mail, Outbox, Value
from app.lifecycle.events import FactorEnrolled, FactorRemoved, FactorsReset, RecoveryCodesMade
from app.links.service import Links, WasntMe
from app.sessions.events import SessionCreated
from app.users.service import Users

FORGOTTEN_PAGE = "/password/forgot"
REMEMBERED_SIGN_INS = 500
"""How many of a user's latest sign-ins are looked through for a device that was there before."""

_NOWHERE = "-"
_CHANGES = {
    (FactorEnrolled.type, "totp"): "totp_added",
    (FactorEnrolled.type, "passkey"): "passkey_added",
    (FactorRemoved.type, "totp"): "totp_removed",
    (FactorRemoved.type, "passkey"): "passkey_removed",
    (FactorsReset.type, None): "reset",
    (RecoveryCodesMade.type, None): "recovery_codes_made",
}


class SecurityMails:
    """Tells owners. Every method is a subscriber: told at least once, and idempotent."""

    def __init__(
        self,
        db: Database,
        *,
        users: Users,
        links: Links,
        wasnt_me: WasntMe,
        outbox: Outbox,
        providers: IdentityProviders,
    ) -> None:
        self._db = db
        self._users = users
        self._links = links
        self._wasnt_me = wasnt_me
        self._outbox = outbox
        self._providers = providers

    async def tell_of_new_device(self, event: PastEvent) -> None:
        """Mail the owner of a sign-in by a program and from a network that were not seen together before.

        An account's first sign-in is no news to whoever made it.
        """
        async with self._db.transaction() as tx:
            entry = await history.find(tx, event.id)
            # A session that an operator opened says nothing of a device.
            if entry is None or entry.subject is None or entry.actor_kind is not ActorKind.USER:
                return
            earlier = await history.list_of(
                tx, entry.subject, types=(SessionCreated.type,), before=entry.id, limit=REMEMBERED_SIGN_INS
            )
            if not earlier or _place(entry) in map(_place, earlier):
                return
            await self._put(tx, entry, "new_device", {})

    async def tell_of_changed_factors(self, event: PastEvent) -> None:
        """Mail the owner that a second factor came, went, or was reset."""
        named = event.details.get("factor")
        change = _CHANGES.get((event.type, str(named) if named is not None else None))
        if change is None:
            return
        async with self._db.transaction() as tx:
            entry = await history.find(tx, event.id)
            if entry is not None:
                await self._put(tx, entry, "mfa_changed", {"change": change})

    async def tell_of_key(self, event: PastEvent) -> None:
        """Mail the owner of a new API key, or of one that leaked. Clients have no mailbox."""
        leaked = event.type == APIKeyLeaked.type
        async with self._db.transaction() as tx:
            entry = await history.find(tx, event.id)
            if entry is not None:
                values = {"name": str(event.details["name"])}
                template = "api_key_leaked" if leaked else "api_key_created"
                # From where it was reported is nothing that its owner could know.
                await self._put(tx, entry, template, values, with_device=not leaked, with_address=not leaked)

    async def tell_of_identity(self, event: PastEvent) -> None:
        """Mail the owner that an identity of another provider opens the account, or does so no more.

        The identity that an account was made by is no news to whoever made it.
        """
        if event.details.get("how") == How.CREATED:
            return
        unlinked = event.type == IdentityUnlinked.type
        async with self._db.transaction() as tx:
            entry = await history.find(tx, event.id)
            if entry is None:
                return
            # From where somebody else did it is nothing that its owner could know.
            is_own = entry.actor_kind is ActorKind.USER and entry.actor_id == entry.subject
            values = {"provider": await self._called(tx, str(event.details["provider"]))}
            values |= {} if is_own else {"device": _NOWHERE, "ip": _NOWHERE}
            template = "identity_unlinked" if unlinked else "identity_linked"
            await self._put(tx, entry, template, values, with_device=is_own, with_address=is_own)

    async def tell_of_lockout(self, event: PastEvent) -> None:
        """Mail the owner that the password alone opens the account no more."""
        async with self._db.transaction() as tx:
            entry = await history.find(tx, event.id)
            if entry is not None:
                reset_url = self._links.address(FORGOTTEN_PAGE)
                await self._put(tx, entry, "account_locked", {"reset_url": reset_url}, with_device=False)

    async def _called(self, tx: Transaction, connection_id: str) -> str:
        """What people know a provider as; its id where it is gone or disabled."""
        try:
            return (await self._providers.get(tx, connection_id)).name
        except (IdentityProviderNotFound, DecryptionFailed):
            return connection_id

    async def _put(
        self,
        tx: Transaction,
        entry: PastEntry,
        template: str,
        values: Mapping[str, Value],
        *,
        with_device: bool = True,
        with_address: bool = True,
    ) -> None:
        """Write the mail of an entry, once; nothing for somebody who is gone, or has closed the account."""
        user = None if entry.subject is None else await self._users.find_by_sub(tx, entry.subject)
        if user is None or user.is_closed:
            return
        place: dict[str, Value] = {"at": entry.at}
        if with_address:
            place["ip"] = entry.ip or _NOWHERE
        if with_device:
            device = device_of(entry.user_agent)
            place["device"] = device.words if device else _NOWHERE
        url = await self._wasnt_me.link(tx, user.id)
        mail = Mail(
            to=user.email,
            template=template,
            values={**values, **place, "wasnt_me_url": url},
            locale=user.locale,
            user_id=user.id,
        )
        if await self._outbox.put_once(tx, mail, key=f"{template}:{entry.id}") is None:
            # The link goes too: nobody will ever be mailed it.
            await tx.rollback()


def _place(entry: PastEntry) -> tuple[object, str | None]:
    return device_of(entry.user_agent), network_of(entry.ip)
