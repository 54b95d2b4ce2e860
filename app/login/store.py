"""Statements on who signs in, and on sign-ins that wait for their next step."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import update

from app.factors.factor import FactorName
from app.factors.password.lockout import LOCKED, NOBODY
from app.factors.password.service import LoginCandidate
from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash
from app.login.models import PendingSignIn
from app.roles.holding import HELD
from app.roles.rules import Held
from app.users import models as users
from app.users.user import User

# Everything that a sign-in is decided by, in one round trip: the user, the hash, the second factors and the roles.
_FIND = f"""
    SELECT {", ".join(f"u.{column.key}" for column in users.COLUMNS)}, c.password_hash, {{locked}} AS locked,
      EXISTS (SELECT 1 FROM totp_credentials t WHERE t.user_id = {{id}} AND t.confirmed_at IS NOT NULL) AS has_totp,
      EXISTS (SELECT 1 FROM passkeys p WHERE p.user_id = {{id}}) AS has_passkey,
      EXISTS (SELECT 1 FROM recovery_codes r WHERE r.user_id = {{id}} AND r.used_at IS NULL) AS has_recovery_code,
      {HELD.format(user_id="{id}")}
    """  # noqa: S608 — built from constants; the value is a parameter

# Parameters: $1 the address's key, $2 how many wrong passwords lock. There is always a row, and the same is looked up
# for nobody as for somebody: otherwise the time of the answer tells them apart.
FIND_BY_EMAIL = f"""{_FIND.format(locked=LOCKED, id="asked.id")}
    FROM (SELECT coalesce((SELECT id FROM users WHERE email_key = $1), '{NOBODY}') AS id) asked
    LEFT JOIN users u ON u.id = asked.id LEFT JOIN password_credentials c ON c.user_id = asked.id
    """  # noqa: S608 — built from constants; the values are parameters
# Parameter: $1 the user's row id.
FIND_BY_ID = f"""{_FIND.format(locked="false", id="u.id")}
    FROM users u LEFT JOIN password_credentials c ON c.user_id = u.id WHERE u.id = $1
    """

# Sign-ins that nobody finished are taken away by those that come after them, a few at a time. Parameters: see `add`.
ADD = """
    WITH swept AS (
      DELETE FROM pending_sign_ins WHERE id IN (
        SELECT id FROM pending_sign_ins WHERE expires_at < $12 ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO pending_sign_ins (id, token_hash, step, user_id, credentials_version, client_id, audience, scope, amr,
      acr, required_acr, created_at, expires_at, factors, vouched)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::text::jsonb)
    RETURNING id
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Who signs in, with what decides how they go on. `locked`: the password alone does not open the account."""

    user: User
    password_hash: str | None = field(repr=False)
    locked: bool
    second: tuple[FactorName, ...]
    held: Held

    @property
    def login(self) -> LoginCandidate:
        """The part that the password factor knows."""
        return LoginCandidate(self.user, self.password_hash)


# Read in nobody's place, for the time that it takes.
_NOBODYS = {
    "id": NOBODY,
    "sub": "",
    "email": "",
    "email_verified_at": None,
    "name": None,
    "attributes": "{}",
    "status": "active",
    "credentials_version": 0,
    "required_acr": None,
    "locale": None,
    "created_at": datetime.min.replace(tzinfo=UTC),
}


def candidate_in(row: asyncpg.Record) -> Candidate | None:
    """Who was found by address, if anybody."""
    found = candidate_of({**row, **_NOBODYS} if row["id"] is None else row)
    return None if row["id"] is None else found


def candidate_of(row: Mapping[str, Any]) -> Candidate:
    """The candidate in a row of the two statements that find one."""
    has = {
        FactorName.TOTP: row["has_totp"],
        FactorName.PASSKEY: row["has_passkey"],
        FactorName.RECOVERY_CODE: row["has_recovery_code"],
    }
    return Candidate(
        user=users.as_user({**row, "attributes": json.loads(row["attributes"])}),
        password_hash=row["password_hash"],
        locked=row["locked"],
        second=tuple(name for name, enrolled in has.items() if enrolled),
        held=Held.parse(row["held"]),
    )


async def claim(
    tx: Transaction, token_hash: SecretHash, *, step: str, now: datetime, tries: int
) -> Mapping[str, Any] | None:
    """Count a try and take the sign-in for used, until `reopen`; None where its token is worth nothing (any more).

    Its row stays locked until the transaction ends, so that of two tries at once the second finds what the first made
    of it. A token dies with any change of the user's credentials.
    """
    statement = (
        update(PendingSignIn)
        .where(
            PendingSignIn.token_hash == token_hash,
            PendingSignIn.step == step,
            PendingSignIn.used_at.is_(None),
            PendingSignIn.expires_at > now,
            PendingSignIn.tries < tries,
            users.User.id == PendingSignIn.user_id,
            users.User.status == "active",
            users.User.credentials_version == PendingSignIn.credentials_version,
        )
        .values(tries=PendingSignIn.tries + 1, used_at=now)
        .returning(
            PendingSignIn.id.label("pending_id"),
            PendingSignIn.tries,
            PendingSignIn.client_id,
            PendingSignIn.audience,
            PendingSignIn.scope,
            PendingSignIn.amr,
            PendingSignIn.acr,
            PendingSignIn.required_acr.label("step_required_acr"),
            PendingSignIn.factors,
            PendingSignIn.vouched,
            *users.COLUMNS,
        )
    )
    row = (await tx.execute(statement)).mappings().first()
    return None if row is None else {str(name): value for name, value in row.items()}


async def reopen(tx: Transaction, pending_id: UUID, *, uncounted: bool = False) -> None:
    """Let the token open its step again; `uncounted` where nothing was tried by it."""
    values: Mapping[str, Any] = {"used_at": None}
    if uncounted:
        values = {**values, "tries": PendingSignIn.tries - 1}
    await tx.execute(update(PendingSignIn).where(PendingSignIn.id == pending_id).values(values))
