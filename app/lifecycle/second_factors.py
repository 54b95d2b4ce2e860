"""Adding, removing and resetting a user's second factors, with all that follows from it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.audit.event import Actor
from app.audit.service import AuditLog
from app.factors.factor import FactorName, Proof
from app.factors.passkey.service import ListedPasskey
from app.foundation.db import Database, Transaction
from app.foundation.origin import Origin
from app.lifecycle.errors import LastFactor
from app.lifecycle.events import FactorEnrolled, FactorRemoved, FactorsReset, RecoveryCodesMade
from app.lifecycle.factor_set import FactorSet
from app.protocols.assurance import ACR, satisfies
from app.roles.assign import RoleAssignments
from app.sessions.service import Sessions
from app.users.service import Users
from app.users.user import User

STRONG = frozenset({FactorName.TOTP, FactorName.PASSKEY})
"""The factors that recovery codes stand in for: without one of them codes alone are worth nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrolled:
    """A factor that was added. `recovery_codes` come with a user's first one, and are shown now or never."""

    proof: Proof
    recovery_codes: tuple[str, ...] = field(default=(), repr=False)
    passkey: ListedPasskey | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who changes factors, and from where; `session_id` is theirs, which goes on when the others end."""

    actor: Actor
    origin: Origin
    session_id: UUID | None = None


class SecondFactors:
    """The factors of users as a whole. What takes `tx` works in its caller's transaction.

    A change counts the user's credentials as changed, so that no sign-in under way slips past it.
    """

    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        *,
        users: Users,
        roles: RoleAssignments,
        sessions: Sessions,
        factors: FactorSet,
        required_acr: ACR,
    ) -> None:
        self._db = db
        self._audit = audit
        self._users = users
        self._roles = roles
        self._sessions = sessions
        self._factors = factors.registry
        self._totp = factors.totp
        self._passkeys = factors.passkeys
        self._recovery_codes = factors.recovery_codes
        self._required_acr = required_acr

    async def confirm_totp(self, tx: Transaction, user: User, code: str, *, by: By) -> Enrolled | None:
        """Let the seed that was shown count, given a code of it; None for a wrong code."""
        proof = await self._totp.confirm(tx, user, code)
        return None if proof is None else await self._enrolled(tx, user, Enrolled(proof=proof), by=by)

    async def register_passkey(
        self,
        tx: Transaction,
        user: User,
        credential: Mapping[str, object],
        *,
        name: str,
        bound_to: str,
        by: By,
        user_verification: bool = False,
    ) -> Enrolled | None:
        """Keep a new passkey; None for whatever is wrong with it, as `Passkeys.register` says."""
        registered = await self._passkeys.register(
            tx, user, credential, name=name, bound_to=bound_to, user_verification=user_verification
        )
        if registered is None:
            return None
        passkey, proof = registered
        return await self._enrolled(tx, user, Enrolled(proof=proof, passkey=passkey), by=by)

    async def regenerate_recovery_codes(self, tx: Transaction, user: User, *, by: By) -> tuple[str, ...] | None:
        """New codes in place of all old ones; None while there is no other second factor."""
        await self._users.note_changed_credentials(tx, user.id)
        if not await self._strong(tx, user.id):
            return None
        codes = await self._recovery_codes.regenerate(tx, user.id)
        await self._audit.record(tx, RecoveryCodesMade(actor=by.actor, origin=by.origin, subject=user.sub))
        return codes

    async def remove_totp(self, tx: Transaction, user: User, *, by: By) -> bool:
        """Take the authenticator app away; False where there is none. Raises LastFactor."""
        # The user's row comes first: of two removals at once the second finds what the first has left.
        await self._users.note_changed_credentials(tx, user.id)
        if not await self._totp.forget(tx, user.id):
            return False
        await self._removed(tx, user, FactorName.TOTP, None, by=by)
        return True

    async def remove_passkey(self, tx: Transaction, user: User, passkey_id: UUID, *, by: By) -> bool:
        """Take a passkey away; False where the user has no such passkey. Raises LastFactor."""
        await self._users.note_changed_credentials(tx, user.id)
        name = await self._passkeys.remove(tx, user.id, passkey_id)
        if name is None:
            return False
        await self._removed(tx, user, FactorName.PASSKEY, name, by=by)
        return True

    async def remove_added_since(self, tx: Transaction, user: User, since: datetime, *, by: By) -> int:
        """Take away what was added since then, whatever is required of the user; return how many factors went.

        For whoever says that somebody else was in their account: a stranger's passkey would let them in again. What is
        required stays required: the next sign-in leads to enrolment. The caller holds the user's row.
        """
        passkeys = [passkey for passkey in await self._passkeys.list_of(tx, user.id) if passkey.created_at >= since]
        for passkey in passkeys:
            await self._passkeys.remove(tx, user.id, passkey.id)
        gone: list[tuple[FactorName, str | None]] = [(FactorName.PASSKEY, passkey.name) for passkey in passkeys]
        confirmed_at = await self._totp.confirmed_at(tx, user.id)
        if confirmed_at is not None and confirmed_at >= since and await self._totp.forget(tx, user.id):
            gone.append((FactorName.TOTP, None))
        made_at = (await self._recovery_codes.count(tx, user.id)).created_at
        if made_at is not None and (made_at >= since or not await self._strong(tx, user.id)):
            await self._recovery_codes.forget(tx, user.id)
            gone.append((FactorName.RECOVERY_CODE, None))
        for factor, name in gone:
            event = FactorRemoved(actor=by.actor, origin=by.origin, subject=user.sub, factor=factor.value, name=name)
            await self._audit.record(tx, event)
        return len(gone)

    async def reset(self, user_id: UUID, *, actor: Actor, origin: Origin) -> tuple[FactorName, ...]:
        """Take every second factor of a user away and end their sessions; return which there were.

        What is required of the user stays required: their next sign-in leads to enrolment. Raises UserNotFound.
        """
        async with self._db.transaction() as tx:
            await self._users.note_changed_credentials(tx, user_id)
            user = await self._users.get(tx, user_id)
            gone = await self._factors.forget_second(tx, user_id)
            names = [name.value for name in gone]
            event = FactorsReset(actor=actor, origin=origin, subject=user.sub, factors=names)
            await self._audit.record(tx, event)
            await self._sessions.end_all(tx, user_id, subject=user.sub, reason="mfa_reset", actor=actor, origin=origin)
        return gone

    async def _enrolled(self, tx: Transaction, user: User, enrolled: Enrolled, *, by: By) -> Enrolled:
        await self._users.note_changed_credentials(tx, user.id)
        name = enrolled.passkey.name if enrolled.passkey else None
        factor = enrolled.proof.factor.value
        event = FactorEnrolled(actor=by.actor, origin=by.origin, subject=user.sub, factor=factor, name=name)
        await self._audit.record(tx, event)
        if by.session_id is not None:
            await self._sessions.strengthen(tx, by.session_id, enrolled.proof.evidence)
        codes: tuple[str, ...] = ()
        if not await self._recovery_codes.is_enrolled(tx, user.id):
            codes = await self._recovery_codes.regenerate(tx, user.id)
        return Enrolled(proof=enrolled.proof, recovery_codes=codes, passkey=enrolled.passkey)

    async def _removed(self, tx: Transaction, user: User, factor: FactorName, name: str | None, *, by: By) -> None:
        left = await self._strong(tx, user.id)
        if not left:
            await self._require_dispensable(tx, user)
            await self._recovery_codes.forget(tx, user.id)
        event = FactorRemoved(actor=by.actor, origin=by.origin, subject=user.sub, factor=factor.value, name=name)
        await self._audit.record(tx, event)
        await self._sessions.end_others(
            tx,
            user.id,
            keep=by.session_id,
            subject=user.sub,
            reason="mfa_removed",
            actor=by.actor,
            origin=by.origin,
        )

    async def _strong(self, tx: Transaction, user_id: UUID) -> frozenset[FactorName]:
        return STRONG.intersection(await self._factors.second(tx, user_id))

    async def _require_dispensable(self, tx: Transaction, user: User) -> None:
        """Refuse to leave a user without a second factor where one is required of them wherever they go."""
        asked = {self._required_acr.value, *([user.required_acr] if user.required_acr else [])}
        asked |= await self._roles.requirements_of(tx, user.id)
        if any(satisfies(acr, ACR.AAL2) for acr in asked):
            raise LastFactor("A second factor is required of you. Add another one before you remove this one.")
