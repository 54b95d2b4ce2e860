"""Signing, verifying and publishing from memory; the key set is read again each second."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from app.audit.event import SYSTEM, Actor
from app.audit.service import AuditLog
from app.foundation.clock import Clock
from app.foundation.db import Database, DatabaseUnavailable
from app.foundation.encryption import DecryptionFailed, Keyring
from app.foundation.errors import StartupRefused, Unavailable
from app.foundation.metrics import FROM_CODE, Counter, Gauge
from app.foundation.origin import Origin
from app.protocols.jose import compact
from app.protocols.jose.algorithms import Algorithm
from app.protocols.jose.claims import ClaimsRefused, TokenClaims, check_claims
from app.protocols.jose.compact import CompactToken, MalformedToken
from app.protocols.jose.signature import Verifier
from app.signing_keys import store
from app.signing_keys.errors import InvalidToken, NoSigningKey, UnknownSigningKey
from app.signing_keys.establish import KeyEstablishment, own_origin
from app.signing_keys.events import SigningKeyRetired
from app.signing_keys.keyset import PUBLISHED, KeyDescription, KeySet, KeyState, PreparedKey, PublishedKey
from app.signing_keys.material import unseal
from app.signing_keys.pem import read_given_key
from app.signing_keys.rotate import KeyRotation, Rotation
from app.signing_keys.settings import JWKS_MAX_AGE_SECONDS, KeySettings
from app.signing_keys.store import StoredKey
from app.signing_keys.verified import VerifiedToken, VerifiedTokens

POLL_SECONDS = 1.0
# A token that names an unknown key makes a process read the key set, this often at most.
LEAST_SECONDS_BETWEEN_LOOKS = 0.2

_SIGNED = Counter(
    "tokens_signed", "Tokens signed, by their `typ` and algorithm.", unit="tokens", typ=FROM_CODE, algorithm=FROM_CODE
)
_KEYS = Gauge(
    "signing_keys",
    "Signing keys that this deployment publishes, by algorithm and state.",
    unit="keys",
    across="min",
    algorithm=tuple(algorithm.value for algorithm in Algorithm),
    state=tuple(state.value for state in PUBLISHED),
)

_logger = logging.getLogger(__name__)


class SigningKeys:
    """The deployment's key sets, one for each algorithm in use, as this process holds them."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        keyring: Keyring,
        audit: AuditLog,
        settings: KeySettings,
        *,
        jwks_max_age_seconds: int = JWKS_MAX_AGE_SECONDS,
    ) -> None:
        self._db = db
        self._clock = clock
        self._keyring = keyring
        self._audit = audit
        self._settings = settings
        self.jwks_max_age_seconds = jwks_max_age_seconds
        self._establishment = KeyEstablishment(db, clock, keyring, audit)
        self._rotation = KeyRotation(db, clock, audit, self._establishment, jwks_max_age_seconds=jwks_max_age_seconds)
        self._set = KeySet((), clock.now())
        self._prepared: dict[str, PreparedKey] = {}
        self._unreadable: frozenset[str] = frozenset()
        self._verified = VerifiedTokens()
        self._turn = asyncio.Lock()
        self._hurry = asyncio.Event()
        self._look_began_at = float("-inf")
        self._look_failure: Unavailable | None = None

    @property
    def is_ready(self) -> bool:
        """Whether this process can sign: with RS256, which always exists, and with the default algorithm."""
        return {Algorithm.RS256, self._settings.algorithm} <= self._set.signers.keys()

    async def load(self) -> None:
        """Import the operator's key, create the key sets that are missing, and read them: once, at start.

        Raises StartupRefused when the settings and the stored keys do not go together; DatabaseUnavailable.
        """
        given = read_given_key(self._settings)
        await self._establishment.establish({Algorithm.RS256, self._settings.algorithm}, given=given)
        await self.refresh()

    async def ensure(self, algorithm: Algorithm) -> None:
        """Make sure that there is a key set for an algorithm. Costs nothing when this process holds one."""
        if algorithm not in self._set.signers:
            await self._establishment.establish({algorithm})
            await self.refresh()

    def sign(self, claims: Mapping[str, object], *, algorithm: Algorithm, typ: str) -> str:
        """A compact token, signed by the active key. Raises NoSigningKey."""
        signer = self._set.signers.get(algorithm)
        if signer is None:
            raise NoSigningKey(detail=f"no {algorithm.value} key to sign with")
        _SIGNED.add(typ, algorithm.value)
        return signer.sign(claims, typ=typ)

    async def verify(
        self, token: str, *, typ: str, issuer: str, audience: str | None = None, expired_too: bool = False
    ) -> TokenClaims:
        """The claims of a token of ours, of that `typ` exactly, now. Without `audience` any is accepted.

        With `expired_too` it may have run out: for what is only a hint.

        A key that is not known here may have been made a moment ago, so the key set is read before its token is
        refused. Raises InvalidToken; DatabaseUnavailable, if that reading fails.
        """
        try:
            members = self._members_again(token, typ=typ) or await self._members(token, typ=typ)
            now = _moment_of(members) if expired_too else None
            return check_claims(members, issuer=issuer, audience=audience, now=now or self._clock.now())
        except (MalformedToken, ClaimsRefused) as error:
            raise InvalidToken(detail=str(error)) from error

    def _members_again(self, token: str, *, typ: str) -> Mapping[str, Any] | None:
        """What a token says whose signature held a moment ago, by a key that counts still; None for any other."""
        known = self._verified.find(token)
        if known is None or known.typ != typ or self._set.verifiers.get(known.kid) is not known.verifier:
            return None
        return known.members

    async def _members(self, token: str, *, typ: str) -> Mapping[str, Any]:
        parsed = compact.parse(token)
        verifier = self._set.verifiers.get(parsed.kid) or await self._look_for(parsed.kid)
        _check_signature(parsed, verifier, typ=typ)
        members = compact.read_object(parsed.payload)
        self._verified.keep(token, VerifiedToken(kid=parsed.kid, verifier=verifier, typ=typ, members=members))
        return members

    def jwks(self) -> bytes:
        """The public keys: active, retiring and next. Spec: RFC 7517 §5."""
        return self._set.jwks

    @property
    def jwks_etag(self) -> str:
        """The entity tag of `jwks`, the same in every process."""
        return self._set.etag

    async def rotate(
        self,
        algorithm: Algorithm | None = None,
        *,
        overlap_seconds: int | None = None,
        longest_token_seconds: int,
        force: bool = False,
        actor: Actor,
        origin: Origin,
    ) -> Rotation:
        """Let the next key of an algorithm (the default one where none is named) sign; see `KeyRotation.rotate`.

        `longest_token_seconds` is the longest life of any access token. Raises OverlapTooShort, RotationConflict.
        """
        chosen = algorithm or self._settings.algorithm
        await self.ensure(chosen)
        rotation = await self._rotation.rotate(
            chosen,
            overlap_seconds=overlap_seconds,
            longest_token_seconds=longest_token_seconds,
            force=force,
            actor=actor,
            origin=origin,
        )
        await self.refresh()
        return rotation

    async def list_all(self) -> list[KeyDescription]:
        """Every key that ever was, oldest first."""
        async with self._db.transaction() as tx:
            return await store.describe_all(tx)

    async def refresh(self) -> None:
        """Read the key sets now, and retire what is due. Raises DatabaseUnavailable and keeps the last reading."""
        async with self._turn:
            await self._read()

    def look_soon(self) -> None:
        """Let `poll` read the key sets at once: somebody was heard to change them."""
        self._hurry.set()

    async def poll(self) -> None:
        """Keep the key sets fresh for as long as the process lives: the coroutine of a background task.

        While the database is away the last reading serves. Where `load` could not run, it is made up for.
        """
        failing = False
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._hurry.wait()
            self._hurry.clear()
            try:
                await (self.refresh() if self._set.signers else self.load())
            except (Unavailable, StartupRefused, DBAPIError) as error:
                if not failing:
                    _logger.warning("the signing keys cannot be read; the last reading serves: %s", error)
                failing = True
            else:
                failing = False

    async def _look_for(self, kid: str) -> Verifier:
        """The key of that name after a reading that began after this call. Raises UnknownSigningKey."""
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._turn:
            if self._look_began_at < asked_at:
                await asyncio.sleep(self._look_began_at + LEAST_SECONDS_BETWEEN_LOOKS - loop.time())
                await self._read()
            elif self._look_failure is not None:
                raise DatabaseUnavailable(detail="the signing keys could not be read") from self._look_failure
        verifier = self._set.verifiers.get(kid)
        if verifier is None:
            raise UnknownSigningKey(detail="kid is none of our keys")
        return verifier

    async def _read(self) -> None:
        """Read, in the caller's turn; those who wait for theirs share what came of it."""
        self._look_began_at = asyncio.get_running_loop().time()
        try:
            await self._read_rows()
        except Unavailable as error:
            self._look_failure = error
            raise
        self._look_failure = None

    async def _read_rows(self) -> None:
        now = self._clock.now()
        async with self._db.transaction() as tx:
            stored = await store.list_published(tx)
        if any(_is_due(key, now) for key in stored):
            await self._retire_due(now)
            stored = [key for key in stored if not _is_due(key, now)]
        fresh = KeySet(self._publish(stored), now)
        if fresh.jwks != self._set.jwks:
            _logger.info("signing keys: %s", ", ".join(f"{key.state.value} {key.kid}" for key in stored))
        self._set = fresh
        for algorithm in Algorithm:
            for state in PUBLISHED:
                _KEYS.set(fresh.counts[algorithm, state], algorithm.value, state.value)

    async def _retire_due(self, now: datetime) -> None:
        async with self._db.transaction() as tx:
            for kid, algorithm in await store.retire_due(tx, now):
                event = SigningKeyRetired(actor=SYSTEM, origin=own_origin(), kid=kid, algorithm=algorithm.value)
                await self._audit.record(tx, event)

    def _publish(self, stored: list[StoredKey]) -> list[PublishedKey]:
        prepared, unreadable = {}, {}
        for key in stored:
            try:
                known = self._prepared.get(key.kid)
                prepared[key.kid] = known or PreparedKey(unseal(key.sealed, self._keyring, kid=key.kid))
            except DecryptionFailed as error:
                unreadable[key.kid] = error
        for kid in unreadable.keys() - self._unreadable:
            # Another process has an encryption key that we lack: what it signs with this key we must refuse.
            _logger.error("the signing key %s cannot be decrypted and is left out: %s", kid, unreadable[kid])
        self._prepared, self._unreadable = prepared, frozenset(unreadable)
        readable = (key for key in stored if key.kid in prepared)
        return [PublishedKey(prepared[key.kid], key.algorithm, key.state, key.activated_at) for key in readable]


def _moment_of(members: Mapping[str, object]) -> datetime | None:
    """When a token was issued; None where it does not say."""
    issued_at = members.get("iat")
    return datetime.fromtimestamp(issued_at, UTC) if type(issued_at) is int and 0 <= issued_at < 2**40 else None


def _is_due(key: StoredKey, now: datetime) -> bool:
    return key.state is KeyState.RETIRING and key.retires_at is not None and key.retires_at <= now


def _check_signature(token: CompactToken, verifier: Verifier, *, typ: str) -> None:
    # The key says which algorithm holds; the header only has to agree. Spec: RFC 8725 §3.1.
    if token.alg != verifier.algorithm:
        raise InvalidToken(detail="alg does not fit the key")
    if token.typ != typ:
        raise InvalidToken(detail=f"typ is not {typ}")
    if not verifier.accepts(token.signing_input, token.signature):
        raise InvalidToken(detail="not signed by the key it names")
