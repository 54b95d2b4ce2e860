"""The limits by name. Each counts an attempt, puts `RateLimit` on the answer, and raises TooManyAttempts."""

import base64
import hashlib
import hmac
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import lru_cache
from uuid import UUID

from app.audit.event import SYSTEM
from app.audit.service import AuditLog
from app.foundation.alarms import Mark, Raised, Signal
from app.foundation.db import Database
from app.foundation.errors import NotAuthenticated
from app.foundation.oauth_errors import InvalidClient
from app.foundation.origin import Origin
from app.foundation.quotas import Quota, Standing
from app.foundation.ratelimit import RateLimiter, tell
from app.limits.errors import TooManyAttempts
from app.limits.events import SprayingDetected
from app.limits.settings import LimitSettings
from app.limits.sources import network_of, source_of

DEVELOPMENT_WIDTH = 100
LOGIN_OF_ACCOUNT = "login-account"
"""The limit of one account from one source: whoever meets it may still sign in without naming the account."""

_MINUTE, _QUARTER, _HOUR = 60, 15 * 60, 60 * 60
_SPRAYING_WINDOW = 10 * _MINUTE
_PLACE_SECONDS = 30 * 24 * _HOUR
_CLIENTS_KEPT = 4096

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginAttempt:
    """A sign-in that may go on; hand it back with how it ended."""

    account: str
    place: str
    network: str


class _FailuresCounted(AbstractAsyncContextManager[None]):
    """Takes from a quota for each failure of authentication in its block, and before it where nothing is left.

    A class, because every token request passes it: the generator of `asynccontextmanager` costs several times as much.
    """

    __slots__ = ("_is_refused", "_take")

    def __init__(self, is_refused: Callable[[], bool], take: Callable[[], Awaitable[object]]) -> None:
        self._is_refused = is_refused
        self._take = take

    async def __aenter__(self) -> None:
        if self._is_refused():
            await self._take()

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, NotAuthenticated | InvalidClient):
            await self._take()


class Limits:
    """Every limit of the service. `width` widens them all; `key` makes the digests that are their keys."""

    def __init__(
        self,
        limiter: RateLimiter,
        db: Database,
        audit: AuditLog,
        settings: LimitSettings,
        *,
        key: bytes,
        width: int = 1,
    ) -> None:
        self._limiter = limiter
        self._db = db
        self._audit = audit
        self._settings = settings
        self._key = key
        self._width = width
        # The digests of those who come all the time are not made anew for each of their requests.
        self._of_client = lru_cache(maxsize=_CLIENTS_KEPT)(self._quota_of_client)

    async def login(self, account: str, origin: Origin) -> LoginAttempt:
        """Count a sign-in, whatever comes of it. `account` is what was typed, or its key: no account need exist.

        The account's own limit is for one address, so that a stranger elsewhere uses up nothing of it. Raises
        TooManyAttempts; DatabaseUnavailable where an alarm is to be recorded.
        """
        attempt = self.attempt(account, origin)
        await self._take(self._of_login(attempt, origin), origin)
        return attempt

    async def login_by_mail(self, mailbox: str, origin: Origin) -> bool:
        """Count a sign-in that asks for a mail, and the mail; False where it must not be sent. One round trip.

        Otherwise as `login` and `mail`.
        """
        mail = self._of_mailbox(mailbox, soft=True)
        attempt = self.attempt(mailbox, origin)
        standings = await self._take([*self._of_login(attempt, origin), mail], origin)
        return not any(standing.refused for standing in standings if standing.quota.key == mail.key)

    async def login_unnamed(self, origin: Origin) -> None:
        """Count a sign-in that does not say whose it is before it is proven. Raises TooManyAttempts."""
        await self._take([self._of_address(source_of(origin.ip))], origin)

    def attempt(self, account: str, origin: Origin) -> LoginAttempt:
        """A sign-in that was counted at an earlier step, or by another name: nothing is counted again."""
        digest = self._digest("account", account)
        place = self._digest("place", digest, source_of(origin.ip))
        return LoginAttempt(account=digest, place=place, network=network_of(origin.ip))

    def login_failed(self, attempt: LoginAttempt) -> None:
        """Note that the sign-in was refused: many different accounts failing raise the alarm."""
        self._limiter.note(self._signals(attempt, failed=True))

    def login_succeeded(self, attempt: LoginAttempt) -> None:
        """Note that the sign-in went well: for 30 days no alarm slows this account from this source."""
        self._limiter.note(self._signals(attempt, failed=False), [Mark(attempt.place, _PLACE_SECONDS)])

    async def signup(self, origin: Origin) -> None:
        """Count a sign-up. Raises TooManyAttempts."""
        quota = self._quota("signup", self._settings.signup_per_address, _HOUR, source_of(origin.ip))
        await self._take([quota], origin)

    async def federated_start(self, origin: Origin) -> None:
        """Count a sign-in by another provider that is begun. Raises TooManyAttempts."""
        most = self._settings.federated_starts_per_address
        await self._take([self._quota("federated-start", most, _MINUTE, source_of(origin.ip))])

    async def mail(self, mailbox: str) -> bool:
        """Count a mail to the mailbox of this key; False where it must not be sent.

        It says nothing on the answer, which is the same whether a mail was sent or not. Exact: never more than the
        limit in any 15 minutes.
        """
        verdict = await self._limiter.take([self._of_mailbox(mailbox)])
        return verdict.refused_by is None

    async def refused_authorization(self, client_id: str, origin: Origin) -> bool:
        """Count a refused authorization of a client, known or not; False where nothing is to be written of it.

        It says nothing on the answer. Only so many rows a minute can be made by whoever just asks.
        """
        quota = self._quota(
            "authorization",
            self._settings.refused_authorizations,
            _MINUTE,
            client_id,
            source_of(origin.ip),
            shown=False,
        )
        verdict = await self._limiter.take([quota])
        return verdict.refused_by is None

    async def factor(self, user_id: UUID) -> None:
        """Count a password or code of a user who is signed in, right or wrong. Exact. Raises TooManyAttempts."""
        quota = self._quota("factor", self._settings.factor_per_user, _QUARTER, str(user_id), exact=True)
        await self._take([quota])

    async def step_up(self, user_id: UUID) -> None:
        """Count a challenge that a signed-in user asks for, or answers by more than a password.

        Raises TooManyAttempts.
        """
        await self._take([self._quota("step-up", self._settings.step_up_per_user, _MINUTE, str(user_id))])

    def client_auth(self, client_id: str, origin: Origin) -> AbstractAsyncContextManager[None]:
        """Count the failure of authentication that the block raises; one that succeeds costs no round trip.

        Raises TooManyAttempts instead of entering the block once this process knows the limit to be reached, and
        instead of the failure that goes beyond it.
        """
        quota = self._of_client(client_id, source_of(origin.ip))
        return _FailuresCounted(lambda: self._limiter.is_refused(quota), lambda: self._take([quota], origin))

    def _quota_of_client(self, client_id: str, source: str) -> Quota:
        return self._quota("client-auth", self._settings.client_failures, _MINUTE, client_id, source)

    def _of_address(self, source: str) -> Quota:
        return self._quota("login-address", self._settings.login_per_address, _MINUTE, source)

    def _of_login(self, attempt: LoginAttempt, origin: Origin) -> list[Quota]:
        source = source_of(origin.ip)
        return [
            self._of_address(source),
            self._quota(LOGIN_OF_ACCOUNT, self._settings.login_per_account, _MINUTE, attempt.account, source),
            *self._while_spraying(attempt),
        ]

    def _of_mailbox(self, mailbox: str, *, soft: bool = False) -> Quota:
        quota = self._quota("mail", self._settings.mail_per_mailbox, _QUARTER, mailbox, exact=True, shown=False)
        return replace(quota, soft=soft)

    async def _take(self, quotas: Sequence[Quota], origin: Origin | None = None) -> list[Standing]:
        verdict = await self._limiter.take(quotas)
        tell(verdict.standings)
        if origin is not None:
            await self._record(verdict.raised, origin)
        refused = verdict.refused_by
        if refused is not None:
            raise _too_many(refused)
        return verdict.standings

    def _while_spraying(self, attempt: LoginAttempt) -> list[Quota]:
        """What counts only while an alarm stands, and not where the account has signed in before."""
        here, everywhere = self._alarms(attempt)
        per_network, altogether = self._settings.spraying_login_per_network, self._settings.spraying_login
        return [
            self._quota(
                "spraying-network", per_network, _MINUTE, attempt.network, only_while=here, unless=attempt.place
            ),
            self._quota("spraying", altogether, _MINUTE, only_while=everywhere, unless=attempt.place),
        ]

    def _alarms(self, attempt: LoginAttempt) -> tuple[str, str]:
        return self._digest("spraying", attempt.network), self._digest("spraying")

    def _signals(self, attempt: LoginAttempt, *, failed: bool) -> list[Signal]:
        here, everywhere = self._alarms(attempt)
        thresholds = self._settings.spraying_accounts_per_network, self._settings.spraying_accounts
        return [
            Signal(
                alarm=alarm,
                account=attempt.account,
                failed=failed,
                threshold=threshold * self._width,
                window_seconds=_SPRAYING_WINDOW,
                about=about,
            )
            for alarm, threshold, about in zip((here, everywhere), thresholds, (attempt.network, None), strict=True)
        ]

    async def _record(self, raised: Sequence[Raised], origin: Origin) -> None:
        for alarm in raised:
            _logger.warning("sign-ins fail for %d accounts from %s", alarm.accounts, alarm.signal.about or "everywhere")
            event = SprayingDetected(
                actor=SYSTEM,
                origin=origin,
                network=alarm.signal.about,
                failing_accounts=alarm.accounts,
                window_seconds=alarm.signal.window_seconds,
            )
            async with self._db.transaction() as tx:
                await self._audit.record(tx, event)

    def _quota(
        self,
        policy: str,
        count: int,
        seconds: int,
        *of: str,
        exact: bool = False,
        shown: bool = True,
        only_while: str = "",
        unless: str = "",
    ) -> Quota:
        return Quota(
            policy=policy,
            key=self._digest(policy, *of),
            count=count * self._width,
            seconds=seconds,
            exact=exact,
            # Whether an alarm stands is nobody's business.
            shown=shown and not only_while,
            only_while=only_while,
            unless=unless,
        )

    def _digest(self, kind: str, *of: str) -> str:
        """A key that cannot be read back without ours. Lengths keep one list of texts from reading like another."""
        message = b"".join(len(part).to_bytes(4, "big") + part for part in (text.encode() for text in (kind, *of)))
        digest = hmac.digest(self._key, message, hashlib.sha256)[:16]
        return f"limits:{kind}:{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def _too_many(refused: Standing) -> TooManyAttempts:
    seconds = max(1, math.ceil(refused.retry_seconds))
    return TooManyAttempts(
        "Too many attempts. Wait a little and try again.", retry_after_seconds=seconds, detail=refused.quota.policy
    )
