"""What a person does with their own second factors; each use case is one transaction."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from app.account.mfa.errors import EnrolmentRefused, FactorEnrolled, NoSecondFactor
from app.audit.event import Actor, ActorKind
from app.factors.passkey.service import ListedPasskey
from app.factors.recovery_code.models import CodeCount
from app.factors.totp.service import TOTPEnrolment
from app.foundation.db import Database, Transaction
from app.foundation.errors import NotFound
from app.foundation.fresh import FreshAuth
from app.foundation.origin import Origin
from app.foundation.principal import Principal
from app.lifecycle.factor_set import FactorSet
from app.lifecycle.second_factors import By, Enrolled, SecondFactors
from app.protocols.assurance import ACR
from app.users.service import Users
from app.users.user import User

REFUSED = "The new factor was not confirmed. Begin again, and mind that a code or challenge counts once."


class OwnSecondFactors:
    """The caller's own factors.

    Every change needs a fresh sign-in, by a second factor where there is one: whoever finds an open session must not
    be able to put their own factor in the owner's place. Raises StaleAuthentication.
    """

    def __init__(
        self,
        db: Database,
        *,
        users: Users,
        factors: FactorSet,
        second_factors: SecondFactors,
        fresh: FreshAuth,
    ) -> None:
        self._db = db
        self._users = users
        self._factors = factors.registry
        self._totp = factors.totp
        self._passkeys = factors.passkeys
        self._recovery_codes = factors.recovery_codes
        self._second_factors = second_factors
        self._fresh = fresh

    async def totp_confirmed_at(self, caller: Principal) -> datetime | None:
        """When the caller confirmed an authenticator app."""
        async with self._db.transaction() as tx:
            return await self._totp.confirmed_at(tx, caller.user_id)

    async def enrol_totp(self, caller: Principal) -> TOTPEnrolment:
        """Make a seed that waits for its confirmation. Raises FactorEnrolled."""
        async with self._db.transaction() as tx:
            user = await self._may_change(tx, caller)
            made = await self._totp.enrol(tx, user)
        if made is None:
            raise FactorEnrolled("Remove the authenticator app that you have before you add another.")
        return made

    async def confirm_totp(self, caller: Principal, code: str, origin: Origin) -> Enrolled:
        """Let the seed count, given a code of it. Raises EnrolmentRefused."""
        async with self._db.transaction() as tx:
            user = await self._may_change(tx, caller)
            enrolled = await self._second_factors.confirm_totp(tx, user, code, by=_by(caller, origin))
        return _confirmed(enrolled)

    async def remove_totp(self, caller: Principal, origin: Origin) -> None:
        """Take the authenticator app away; other sessions end. Raises NotFound, LastFactor."""
        async with self._db.transaction() as tx:
            user = await self._may_change(tx, caller)
            removed = await self._second_factors.remove_totp(tx, user, by=_by(caller, origin))
        if not removed:
            raise NotFound("You have no authenticator app here.")

    async def passkeys(self, caller: Principal) -> list[ListedPasskey]:
        """The caller's passkeys, oldest first."""
        async with self._db.transaction() as tx:
            return await self._passkeys.list_of(tx, caller.user_id)

    async def begin_passkey(self, caller: Principal) -> Mapping[str, object]:
        """What `navigator.credentials.create` takes. Raises FactorEnrolled at the most that there may be."""
        async with self._db.transaction() as tx:
            user = await self._may_change(tx, caller)
            options = await self._passkeys.begin_registration(tx, user, bound_to=_bound_to(caller))
        if options is None:
            raise FactorEnrolled("You have as many passkeys as there may be.")
        return options

    async def register_passkey(
        self, caller: Principal, credential: Mapping[str, object], *, name: str, origin: Origin
    ) -> Enrolled:
        """Keep what `create` returned. Raises EnrolmentRefused."""
        async with self._db.transaction() as tx:
            user = await self._may_change(tx, caller)
            enrolled = await self._second_factors.register_passkey(
                tx, user, credential, name=name, bound_to=_bound_to(caller), by=_by(caller, origin)
            )
        return _confirmed(enrolled)

    async def rename_passkey(self, caller: Principal, passkey_id: UUID, name: str) -> ListedPasskey:
        """Give a passkey another name. Raises NotFound."""
        async with self._db.transaction() as tx:
            renamed = await self._passkeys.rename(tx, caller.user_id, passkey_id, name)
        if renamed is None:
            raise NotFound("You have no such passkey.")
        return renamed

    async def remove_passkey(self, caller: Principal, passkey_id: UUID, origin: Origin) -> None:
        """Take a passkey away; other sessions end. Raises NotFound, LastFactor."""
        async with self._db.transaction() as tx:
            user = await self._may_change(tx, caller)
            removed = await self._second_factors.remove_passkey(tx, user, passkey_id, by=_by(caller, origin))
        if not removed:
            raise NotFound("You have no such passkey.")

    async def recovery_codes(self, caller: Principal) -> CodeCount:
        """How many recovery codes are left."""
        async with self._db.transaction() as tx:
            return await self._recovery_codes.count(tx, caller.user_id)

    async def regenerate_recovery_codes(self, caller: Principal, origin: Origin) -> tuple[str, ...]:
        """New codes in place of all old ones. Raises NoSecondFactor."""
        async with self._db.transaction() as tx:
            user = await self._may_change(tx, caller)
            codes = await self._second_factors.regenerate_recovery_codes(tx, user, by=_by(caller, origin))
        if codes is None:
            raise NoSecondFactor("Recovery codes are for whoever lost another second factor. Add one first.")
        return codes

    async def _may_change(self, tx: Transaction, caller: Principal) -> User:
        has_second = bool(await self._factors.second(tx, caller.user_id))
        self._fresh.require(caller, acr=ACR.AAL2 if has_second else None)
        return await self._users.get(tx, caller.user_id)


def _bound_to(caller: Principal) -> str:
    return f"enrol:{caller.sid}"


def _by(caller: Principal, origin: Origin) -> By:
    return By(actor=Actor(ActorKind.USER, caller.sub), origin=origin, session_id=caller.session_id)


def _confirmed(enrolled: Enrolled | None) -> Enrolled:
    if enrolled is None:
        raise EnrolmentRefused(REFUSED)
    return enrolled
