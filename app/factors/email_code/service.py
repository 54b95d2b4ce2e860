"""Mailing codes, and verifying them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.factors.email_code import store
from app.factors.email_code.hashing import code_hash, matches
from app.factors.email_code.settings import EmailCodeSettings
from app.factors.factor import FactorName, Presented, Proof
from app.foundation.clock import Clock
from app.foundation.db import Database, Transaction
from app.foundation.encryption import Keyring
from app.foundation.ids import new_id
from app.foundation.mail.outbox import Mail, Outbox, Value
from app.foundation.secrets import equal, hash_secret, random_digits, random_secret
from app.limits.errors import TooManyAttempts
from app.limits.service import Limits
from app.links.service import WasntMe
from app.protocols.assurance import Evidence
from app.protocols.otp import DIGITS, parse_code
from app.users.email import EmailKey, email_key, find_key
from app.users.service import Users
from app.users.user import User

EVIDENCE = Evidence(amr=("email",))
_RETRY_SECONDS = 300
SIGN_IN = "sign-in"
"""What the challenge of a sign-in is bound to: a user has one at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeRequest:
    """Who shall get a code: `email` as it was typed, and its key.

    `locale` is the mail's language; `raw_browser` is the value of the cookie that must come with the answer, for a
    browser.
    """

    email: str
    email_key: EmailKey
    locale: str | None = None
    raw_browser: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A challenge of a sign-in that was tried. `user_id` is whom a right code proves, None for a wrong one."""

    email_key: str
    owner_id: UUID | None
    credentials_version: int | None
    is_right: bool


class EmailCodes:
    """The mailed code as a factor. Fills the contract of `app.factors.factor`.

    It is no second factor that somebody enrols: where policy lets it stand in for one, `login` says so.
    """

    name = FactorName.EMAIL_CODE
    is_second = False

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: Keyring,
        *,
        outbox: Outbox,
        users: Users,
        wasnt_me: WasntMe,
        limits: Limits,
        settings: EmailCodeSettings,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._outbox = outbox
        self._users = users
        self._wasnt_me = wasnt_me
        self._limits = limits
        self._settings = settings

    @property
    def lifetime_seconds(self) -> int:
        """How long a code is good."""
        return self._settings.lifetime_seconds

    async def is_enrolled(self, tx: Transaction, user_id: UUID) -> bool:
        """Whether the user's address is proven to be theirs."""
        user = await self._users.find(tx, user_id)
        return user is not None and user.is_verified

    async def forget(self, tx: Transaction, user_id: UUID) -> bool:
        """Delete every challenge of the user."""
        return await store.remove_all(tx, user_id)

    async def begin_sign_in(self, tx: Transaction, user: User | None, wanted: CodeRequest) -> str:
        """Make a sign-in's challenge, mail its code to the user, and return what the answer must name.

        None, for nobody who may sign in, costs the same statements: it writes a challenge that proves nobody, and a
        mail that it takes back. Nothing is told by the time taken.
        """
        raw_challenge = random_secret()
        code = await self._put(tx, user, wanted, raw_challenge=raw_challenge, bound_to=SIGN_IN)
        recipient_id = new_id(self._clock.now()) if user is None else user.id
        async with tx.begin_nested() as savepoint:
            to = wanted if user is None else replace(wanted, email=user.email)
            await self._send(tx, recipient_id, "login_code", to, code)
            if user is None:
                await savepoint.rollback()
            else:
                await savepoint.commit()
        return raw_challenge

    async def find_mailbox(self, raw_challenge: str) -> str | None:
        """The key of the address that a sign-in's code went to, or would have. Raises DatabaseUnavailable."""
        row = await self._db.fetchrow(store.FIND_MAILBOX, hash_secret(raw_challenge), repeatable=True)
        return None if row is None else row["email_key"]

    async def answer_sign_in(
        self, tx: Transaction, raw_challenge: str, typed: str, *, raw_browser: str | None
    ) -> Answered | None:
        """Try a code at a sign-in's challenge; None where there is none to be tried. A right one uses it up."""
        row = await store.take_try_by_hash(tx, hash_secret(raw_challenge), now=self._clock.now())
        if row is None:
            return None
        right = self._is_code(row, typed) and _is_browser(row, raw_browser) and row.user_id is not None
        return Answered(
            email_key=row.email_key,
            owner_id=row.user_id,
            credentials_version=row.credentials_version,
            is_right=right and await store.claim(tx, row.challenge_hash),
        )

    async def begin(self, tx: Transaction, user: User, *, bound_to: str) -> Mapping[str, object]:
        """Mail a code for one act: `{expires_in}`.

        Raises TooManyAttempts where the mailbox has had its share of mails; the user is known here, and is told.
        """
        key = email_key(user.email)
        if not await self._limits.mail(key):
            raise TooManyAttempts(
                "Your mailbox has had enough codes for now. Wait a little and try again.",
                retry_after_seconds=_RETRY_SECONDS,
                detail="mail",
            )
        wanted = CodeRequest(email=user.email, email_key=key)
        code = await self._put(tx, user, wanted, raw_challenge=random_secret(), bound_to=bound_to)
        await self._send(tx, user.id, "confirm_code", wanted, code)
        return {"expires_in": self._settings.lifetime_seconds}

    async def weigh(self, user: User, presented: Presented) -> Presented:  # noqa: ARG002
        """Nothing here is slow."""
        return presented

    async def verify(self, tx: Transaction, user: User, presented: Presented, *, bound_to: str) -> Proof | None:
        """Whether the code is of the newest mail for this act, sent to the address that the user still has."""
        row = await store.take_try(tx, user.id, bound_to, now=self._clock.now())
        if row is None or row.credentials_version != user.credentials_version or row.email_key != find_key(user.email):
            return None
        if not self._is_code(row, presented.code or "") or not await store.claim(tx, row.challenge_hash):
            return None
        return Proof(factor=self.name, evidence=EVIDENCE)

    async def _put(
        self, tx: Transaction, user: User | None, wanted: CodeRequest, *, raw_challenge: str, bound_to: str
    ) -> str:
        now, code, challenge_hash = self._clock.now(), random_digits(DIGITS), hash_secret(raw_challenge)
        row = {
            "challenge_hash": challenge_hash,
            "bound_to": bound_to,
            "user_id": None if user is None else user.id,
            "credentials_version": None if user is None else user.credentials_version,
            "email_key": wanted.email_key,
            "browser_hash": None if wanted.raw_browser is None else hash_secret(wanted.raw_browser),
            "code_hash": code_hash(self._keyring, challenge_hash, code),
            "tries_left": self._settings.tries,
            "expires_at": now + timedelta(seconds=self._settings.lifetime_seconds),
        }
        await store.put(tx, row, now=now)
        return code

    async def _send(self, tx: Transaction, user_id: UUID, template: str, wanted: CodeRequest, code: str) -> None:
        values: dict[str, Value] = {
            "code": code,
            "expires_in": self._settings.lifetime_seconds,
            "wasnt_me_url": await self._wasnt_me.link(tx, user_id),
        }
        mail = Mail(to=wanted.email, template=template, values=values, locale=wanted.locale, user_id=user_id)
        await self._outbox.put(tx, mail)

    def _is_code(self, row: Row[Any], typed: str) -> bool:
        code = parse_code(typed)
        return code is not None and matches(self._keyring, row.code_hash, row.challenge_hash, code)


def _is_browser(row: Row[Any], raw_browser: str | None) -> bool:
    """Whether the answer comes from where the challenge went: with its cookie, or without one if none was set."""
    if row.browser_hash is None or raw_browser is None:
        return row.browser_hash is None and raw_browser is None
    return equal(row.browser_hash, hash_secret(raw_browser))
