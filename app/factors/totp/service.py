"""Enrolling an authenticator app, and verifying its codes."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

import pyotp
import segno

from app.audit.event import ANONYMOUS
from app.audit.service import AuditLog
from app.factors.factor import FactorName, Presented, Proof
from app.factors.totp import store
from app.factors.totp.events import FactorLocked
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.encryption import Keyring
from app.foundation.origin import Origin
from app.foundation.secrets import equal, random_bytes
from app.protocols.assurance import Evidence
from app.protocols.otp import DIGITS, STEP_SECONDS, accepted_steps, parse_code
from app.users.user import User

PURPOSE = "totp-seed"
EVIDENCE = Evidence(amr=("otp",))
# What RFC 4226 §4 recommends.
SEED_BYTES = 20


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TOTPEnrolment:
    """What an authenticator app needs, shown once: the secret in Base32, its URI, and that as an SVG of a QR code."""

    secret: str
    provisioning_uri: str
    qr_svg: str

    def as_json(self) -> dict[str, str]:
        """What its owner is shown."""
        return {"secret": self.secret, "provisioning_uri": self.provisioning_uri, "qr_svg": self.qr_svg}


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLimit:
    """How many codes may be tried in a window, per user."""

    tries: int = 10
    window: timedelta = field(default=timedelta(minutes=15))


class TOTP:
    """The authenticator app as a factor. Fills the contract of `app.factors.factor`."""

    name = FactorName.TOTP
    is_second = True

    def __init__(
        self, clock: Clock, keyring: Keyring, audit: AuditLog, *, issuer_name: str, limit: TryLimit | None = None
    ) -> None:
        self._clock = clock
        self._keyring = keyring
        self._audit = audit
        self._issuer_name = issuer_name
        self._limit = limit or TryLimit()

    async def is_enrolled(self, tx: Transaction, user_id: UUID) -> bool:
        """Whether the user has confirmed an authenticator app."""
        return await self.confirmed_at(tx, user_id) is not None

    async def confirmed_at(self, tx: Transaction, user_id: UUID) -> datetime | None:
        """When the user confirmed their authenticator app, or None."""
        return await store.confirmed_at(tx, user_id)

    async def forget(self, tx: Transaction, user_id: UUID) -> bool:
        """Delete the user's seed, confirmed or not; False where there was no confirmed one."""
        return await store.remove(tx, user_id)

    async def enrol(self, tx: Transaction, user: User) -> TOTPEnrolment | None:
        """Make a seed that waits for `confirm`, in place of one that still waits; None where one is confirmed.

        It can never be read again.
        """
        secret = base64.b32encode(random_bytes(SEED_BYTES)).decode()
        sealed = self._keyring.encrypt(secret.encode(), purpose=PURPOSE, bound_to=str(user.id))
        if not await store.put_pending(tx, user.id, sealed, self._clock.now()):
            return None
        uri = pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=self._issuer_name)
        return TOTPEnrolment(secret=secret, provisioning_uri=uri, qr_svg=_qr_svg(uri))

    async def confirm(self, tx: Transaction, user: User, code: str) -> Proof | None:
        """Let the pending seed count from now on, given a code of it; None for a wrong code."""
        return await self._check(tx, user, code, confirmed=False)

    async def begin(self, tx: Transaction, user: User, *, bound_to: str) -> Mapping[str, object]:  # noqa: ARG002
        """An app needs no challenge."""
        return {}

    async def weigh(self, user: User, presented: Presented) -> Presented:  # noqa: ARG002
        """Nothing here is slow."""
        return presented

    async def verify(
        self,
        tx: Transaction,
        user: User,
        presented: Presented,
        *,
        bound_to: str,  # noqa: ARG002
    ) -> Proof | None:
        """Whether the code is of this step or one beside it, and of none that was used. Counted per user."""
        return await self._check(tx, user, presented.code or "", confirmed=True)

    async def _check(self, tx: Transaction, user: User, typed: str, *, confirmed: bool) -> Proof | None:
        now = self._clock.now()
        tried = await store.take_try(
            tx,
            user.id,
            confirmed=confirmed,
            now=now,
            window_start=now - self._limit.window,
            limit=self._limit.tries,
        )
        if tried is None:
            return None
        step = self._matching_step(user, tried, typed, now)
        if step is not None and await store.accept(tx, user.id, step, confirmed_at=None if confirmed else now):
            return Proof(factor=self.name, evidence=EVIDENCE)
        if tried.tries == self._limit.tries:
            await self._note_lock(tx, user, tried.tries)
        return None

    def _matching_step(self, user: User, tried: store.Tried, typed: str, now: datetime) -> int | None:
        code = parse_code(typed)
        if code is None:
            return None
        secret = self._keyring.decrypt(tried.seed, purpose=PURPOSE, bound_to=str(user.id)).decode()
        generator = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_SECONDS)
        # Every step is compared, whichever matches: the time taken tells nothing.
        matching = [
            step
            for step in accepted_steps(now)
            if equal(generator.generate_otp(step).encode(), code.encode()) and step > tried.last_step
        ]
        return max(matching, default=None)

    async def _note_lock(self, tx: Transaction, user: User, tries: int) -> None:
        origin = Origin(ip=None, user_agent=None, trace_id=random_bytes(16).hex())
        event = FactorLocked(actor=ANONYMOUS, origin=origin, subject=user.sub, factor=self.name.value, tries=tries)
        await self._audit.record(tx, event)


def _qr_svg(uri: str) -> str:
    image = io.BytesIO()
    code = segno.make(uri, error="m", micro=False)
    code.save(image, kind="svg", scale=4, light="#fff", xmldecl=False, svgclass=None, lineclass=None, nl=False)
    return image.getvalue().decode()
