"""Signing up with an address and a password."""

from dataclasses import dataclass, field

from app.audit.event import ANONYMOUS
from app.audit.service import AuditLog
from app.factors.password.errors import PasswordRefused
from app.factors.password.service import PasswordContext, Passwords
from app.foundation.db import Database, Transaction
from app.foundation.errors import ServiceError
from app.foundation.origin import Origin
from app.limits.service import Limits
from app.registration.events import RegistrationRefused
from app.users.email import EmailRefused, parse_email
from app.users.errors import EmailTaken, NameRefused
from app.users.service import Users
from app.users.user import Entry, User, parse_name


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """What a person fills in. `locale` is the language in which mails shall be written."""

    email: str
    password: str = field(repr=False)
    name: str | None = None
    locale: str | None = None


class Registration:
    """Makes accounts for people who ask for one.

    With `hide_existence` nobody learns from an answer or from its time whether an address has an account.
    """

    def __init__(
        self,
        db: Database,
        *,
        users: Users,
        passwords: Passwords,
        audit: AuditLog,
        limits: Limits,
        hide_existence: bool,
    ) -> None:
        self._db = db
        self._users = users
        self._passwords = passwords
        self._audit = audit
        self._limits = limits
        self._hide_existence = hide_existence

    def faults_of(self, wanted: SignUp) -> tuple[ServiceError, ...]:
        """Every rule that breaks by itself what was filled in, one refusal for a field; no account is looked at."""
        found: list[ServiceError] = []
        name = None
        try:
            parse_email(wanted.email)
        except EmailRefused as refusal:
            found.append(refusal)
        try:
            name = parse_name(wanted.name)
        except NameRefused as refusal:
            found.append(refusal)
        try:
            self._passwords.check_choice(wanted.password, PasswordContext(email=wanted.email, name=name))
        except PasswordRefused as refusal:
            found.append(refusal)
        return tuple(found)

    async def sign_up(self, wanted: SignUp, origin: Origin) -> User | None:
        """Make an account and return its user; None where existence is hidden, whether one was made or not.

        An address that is taken changes nothing. Raises SignUpClosed, EmailRefused, NameRefused and
        PasswordRefused before anything tells of the address and before it counts as an attempt, then
        TooManyAttempts, HashingBusy, DatabaseUnavailable, and EmailTaken unless existence is hidden.
        """
        self._users.require_open(Entry.SIGN_UP)
        parse_email(wanted.email)
        context = PasswordContext(email=wanted.email, name=parse_name(wanted.name))
        try:
            self._passwords.check_choice(wanted.password, context)
        except PasswordRefused as refusal:
            faults = [fault.code.value for fault in refusal.faults]
            async with self._db.transaction() as tx:
                await self._record_refusal(tx, origin, reason="password_refused", faults=faults)
            raise
        await self._limits.signup(origin)
        # Hashed for a taken address as well: the time of the answer is the same.
        password_hash = await self._passwords.hash(wanted.password)
        taken: EmailTaken | None = None
        async with self._db.transaction() as tx:
            try:
                user = await self._create(tx, wanted, password_hash, origin)
            except EmailTaken as refusal:
                taken = refusal
                await self._note_taken(tx, wanted.email, origin)
        if self._hide_existence:
            return None
        if taken is not None:
            raise taken
        return user

    async def _create(self, tx: Transaction, wanted: SignUp, password_hash: str, origin: Origin) -> User:
        user = await self._users.create(
            tx, email=wanted.email, name=wanted.name, entry=Entry.SIGN_UP, origin=origin, locale=wanted.locale
        )
        await self._passwords.set(tx, user.id, password_hash)
        return user

    async def _note_taken(self, tx: Transaction, email: str, origin: Origin) -> None:
        """Record whose address it is: with this look-up a refusal has as many statements as a success."""
        owner = await self._users.find_by_email(tx, email)
        await self._record_refusal(tx, origin, reason="email_taken", subject=owner.sub if owner else None)

    async def _record_refusal(
        self,
        tx: Transaction,
        origin: Origin,
        *,
        reason: str,
        subject: str | None = None,
        faults: list[str] | None = None,
    ) -> None:
        event = RegistrationRefused(actor=ANONYMOUS, origin=origin, subject=subject, reason=reason, faults=faults)
        await self._audit.record(tx, event)
