"""Registering passkeys, and verifying what they sign."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from app.factors.factor import FactorName, Presented, Proof
from app.factors.passkey import ceremony, store
from app.foundation.clock import Clock
from app.foundation.db import Transaction
from app.foundation.ids import new_id
from app.foundation.secrets import equal, random_bytes
from app.protocols.assurance import Evidence
from app.protocols.relying_party import RelyingParty
from app.users.user import User

MAX_PASSKEYS = 20
MAX_NAME_CHARACTERS = 64
CHALLENGE_LIFETIME = timedelta(minutes=5)
_SECONDS = int(CHALLENGE_LIFETIME.total_seconds())
SIGN_IN = "sign-in"
"""What a challenge is bound to while nobody has said who they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPasskey:
    """A passkey as its owner sees it."""

    id: UUID
    name: str
    is_synced: bool
    is_backed_up: bool
    created_at: datetime
    last_used_at: datetime | None


class Passkeys:
    """Passkeys as a factor. Fills the contract of `app.factors.factor`."""

    name = FactorName.PASSKEY
    is_second = True

    def __init__(self, clock: Clock, relying_party: RelyingParty, *, service_name: str) -> None:
        self._clock = clock
        self._relying_party = relying_party
        self._service_name = service_name

    async def is_enrolled(self, tx: Transaction, user_id: UUID) -> bool:
        """Whether the user has a passkey."""
        return await store.any_of(tx, user_id)

    async def forget(self, tx: Transaction, user_id: UUID) -> bool:
        """Delete every passkey of the user."""
        return await store.remove_all(tx, user_id)

    async def list_of(self, tx: Transaction, user_id: UUID) -> list[ListedPasskey]:
        """A user's passkeys, oldest first."""
        return [_listed(row) for row in await store.list_of(tx, user_id)]

    async def rename(self, tx: Transaction, user_id: UUID, passkey_id: UUID, name: str) -> ListedPasskey | None:
        """Give a passkey another name; None where the user has no such passkey."""
        row = await store.rename(tx, passkey_id, user_id, _trimmed(name))
        return None if row is None else _listed(row)

    async def remove(self, tx: Transaction, user_id: UUID, passkey_id: UUID) -> str | None:
        """Delete one passkey and return its name; None where the user has no such passkey."""
        return await store.remove(tx, passkey_id, user_id)

    async def begin_registration(self, tx: Transaction, user: User, *, bound_to: str) -> Mapping[str, object] | None:
        """What `navigator.credentials.create` takes as `publicKey`; None where the user has as many as they may."""
        await ceremony.be_ready()
        present = await store.list_of(tx, user.id)
        if len(present) >= MAX_PASSKEYS:
            return None
        challenge = await self._challenge(tx, bound_to=bound_to, user_id=user.id)
        return ceremony.registration_options(
            user,
            challenge,
            self._relying_party,
            _known(present),
            service_name=self._service_name,
            seconds=_SECONDS,
        )

    async def register(
        self,
        tx: Transaction,
        user: User,
        credential: Mapping[str, object],
        *,
        name: str,
        bound_to: str,
        user_verification: bool = False,
    ) -> tuple[ListedPasskey, Proof] | None:
        """Keep a new passkey, given what `create` returned; None for whatever is wrong. The challenge is used up.

        With `user_verification` only one that verified its user is kept.
        """
        await ceremony.be_ready()
        answer = await self._answered(tx, credential, bound_to=bound_to, user_id=user.id)
        verified = (
            None
            if answer is None
            else ceremony.registered(credential, answer, self._relying_party, user_verification=user_verification)
        )
        if verified is None:
            return None
        now = self._clock.now()
        values = {
            "id": new_id(now),
            "user_id": user.id,
            "credential_id": verified.credential_id,
            "public_key": verified.public_key,
            "sign_count": verified.sign_count,
            "name": _trimmed(name),
            "transports": " ".join(ceremony.transports(credential)),
            "aaguid": verified.aaguid,
            "is_synced": verified.is_synced,
            "is_backed_up": verified.is_backed_up,
            "created_at": now,
            "last_used_at": None,
        }
        if not await store.add(tx, values):
            return None
        passkey = ListedPasskey(**{name: values[name] for name in ListedPasskey.__dataclass_fields__})  # type: ignore[arg-type]
        return passkey, self._proof(passkey.id, is_synced=passkey.is_synced, user_verified=verified.user_verified)

    async def begin(self, tx: Transaction, user: User, *, bound_to: str) -> Mapping[str, object]:
        """What `navigator.credentials.get` takes, for a user who has said who they are: `{publicKey: …}`."""
        await ceremony.be_ready()
        present = await store.list_of(tx, user.id)
        challenge = await self._challenge(tx, bound_to=bound_to, user_id=user.id)
        return self._request(challenge, present, user_verification=False)

    async def begin_sign_in(self, tx: Transaction) -> Mapping[str, object]:
        """The same for anyone: it names no credential, so that it tells of no account. Spec: WebAuthn §14.6.2."""
        await ceremony.be_ready()
        challenge = await self._challenge(tx, bound_to=SIGN_IN, user_id=None)
        return self._request(challenge, (), user_verification=True)

    async def weigh(self, user: User, presented: Presented) -> Presented:  # noqa: ARG002
        """A signature is checked in less time than a statement takes."""
        return presented

    async def verify(self, tx: Transaction, user: User, presented: Presented, *, bound_to: str) -> Proof | None:
        """Whether the assertion is of one of the user's passkeys, for this act's challenge. Spec: WebAuthn §7.2."""
        assertion = presented.assertion or {}
        challenge = await self._answered(tx, assertion, bound_to=bound_to, user_id=user.id)
        if challenge is None:
            return None
        row = await self._find(tx, assertion)
        if row is None or row.user_id != user.id:
            return None
        return await self._asserted(tx, row, user.sub, assertion, challenge, user_verification=False)

    async def claim_sign_in(self, tx: Transaction, assertion: Mapping[str, object]) -> tuple[bytes, UUID] | None:
        """Use up a sign-in's challenge: it, and the row id of the user whose passkey answers; None for neither."""
        challenge = await self._answered(tx, assertion, bound_to=SIGN_IN, user_id=None)
        row = None if challenge is None else await self._find(tx, assertion)
        return None if challenge is None or row is None else (challenge, row.user_id)

    async def verify_sign_in(
        self, tx: Transaction, user: User, assertion: Mapping[str, object], challenge: bytes
    ) -> Proof | None:
        """Whether the assertion signs in the user that `claim_sign_in` named; their verification is needed."""
        row = await self._find(tx, assertion)
        if row is None or row.user_id != user.id:
            return None
        return await self._asserted(tx, row, user.sub, assertion, challenge, user_verification=True)

    async def _asserted(
        self,
        tx: Transaction,
        row: Row[Any],
        sub: str,
        assertion: Mapping[str, object],
        challenge: bytes,
        *,
        user_verification: bool,
    ) -> Proof | None:
        handle = ceremony.handle_in(assertion)
        if handle is not None and not equal(handle, ceremony.user_handle(sub)):
            return None
        await ceremony.be_ready()
        verified = ceremony.asserted(
            assertion,
            challenge,
            self._relying_party,
            ceremony.Credential(public_key=row.public_key, sign_count=row.sign_count),
            user_verification=user_verification,
        )
        if verified is None or not await store.use(
            tx, row.id, sign_count=verified.sign_count, is_backed_up=verified.is_backed_up, now=self._clock.now()
        ):
            return None
        return self._proof(row.id, is_synced=row.is_synced, user_verified=verified.user_verified)

    def _proof(self, passkey_id: UUID, *, is_synced: bool, user_verified: bool) -> Proof:
        # A private key that is copied between devices is no hardware's. Spec: RFC 8176 §2, `hwk` and `swk`.
        amr = ("swk" if is_synced else "hwk", "user")
        evidence = Evidence(amr=amr, phishing_resistant=True, user_verified=user_verified)
        return Proof(factor=self.name, evidence=evidence, credential_id=passkey_id)

    async def _find(self, tx: Transaction, assertion: Mapping[str, object]) -> Row[Any] | None:
        credential_id = ceremony.credential_id_in(assertion)
        return None if credential_id is None else await store.find_by_credential(tx, credential_id)

    async def _challenge(self, tx: Transaction, *, bound_to: str, user_id: UUID | None) -> bytes:
        now, challenge = self._clock.now(), random_bytes(32)
        await store.add_challenge(
            tx, challenge, bound_to=bound_to, user_id=user_id, now=now, expires_at=now + CHALLENGE_LIFETIME
        )
        return challenge

    async def _answered(
        self, tx: Transaction, answer: Mapping[str, object], *, bound_to: str, user_id: UUID | None
    ) -> bytes | None:
        """The challenge that an answer names, used up now; None where it was none of this act."""
        challenge = ceremony.challenge_in(answer)
        if challenge is None:
            return None
        claimed = await store.claim_challenge(tx, challenge, bound_to=bound_to, user_id=user_id, now=self._clock.now())
        return challenge if claimed else None

    def _request(
        self, challenge: bytes, present: Sequence[Row[Any]], *, user_verification: bool
    ) -> Mapping[str, object]:
        options = ceremony.sign_in_options(
            challenge,
            self._relying_party,
            _known(present),
            user_verification=user_verification,
            seconds=_SECONDS,
        )
        return {"publicKey": options}


def _known(rows: Sequence[Row[Any]]) -> list[ceremony.Known]:
    return [ceremony.Known(credential_id=row.credential_id, transports=row.transports.split()) for row in rows]


def _listed(row: Row[Any]) -> ListedPasskey:
    return ListedPasskey(
        id=row.id,
        name=row.name,
        is_synced=row.is_synced,
        is_backed_up=row.is_backed_up,
        created_at=row.created_at,
        last_used_at=row.last_used_at,
    )


def _trimmed(name: str) -> str:
    kept = "".join(character for character in name if character.isprintable()).strip()
    return kept[:MAX_NAME_CHARACTERS] or "Passkey"
