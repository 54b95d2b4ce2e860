"""Statements on the codes by which apps fetch their tokens, and on the apps themselves."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, insert, text, update

from app.brokering.models import ExchangeCode
from app.foundation.db import Transaction
from app.foundation.secrets import SecretHash

# The enabled clients that an operator vouches for and that have registered this very address. Parameter: $1 the URI.
FIRST_PARTY = """
    SELECT client_id, name FROM oauth_clients
    WHERE $1 = ANY(redirect_uris) AND disabled_at IS NULL AND client_metadata -> 'consent_required' = 'false'::jsonb
    ORDER BY client_id LIMIT 1
    """

# Whoever brings a code spends it, whether or not the rest fits: a thief has one guess. A session that is over
# meanwhile, or whose user may not act, gives no tokens.
_CLAIM = text(
    """
    WITH claimed AS (
      UPDATE exchange_codes SET consumed_at = :now WHERE code_hash = :code_hash AND consumed_at IS NULL RETURNING *
    )
    SELECT c.id, c.client_id, c.audience, c.challenge, c.expires_at > :now AS in_time, c.session_id,
      s.auth_time, s.amr, s.acr, s.user_id
    FROM claimed c LEFT JOIN sessions s ON s.id = c.session_id
      AND s.ended_at IS NULL AND s.expires_at > :now AND s.idle_expires_at > :now
    """
)
_SPENT = text(
    """
    SELECT c.client_id, c.opened_sid, u.sub FROM exchange_codes c
      LEFT JOIN sessions s ON s.sid = c.opened_sid LEFT JOIN users u ON u.id = s.user_id
    WHERE c.code_hash = :code_hash AND c.consumed_at IS NOT NULL
    """
)


async def add(tx: Transaction, values: Mapping[str, Any]) -> None:
    """Write a code."""
    await tx.execute(insert(ExchangeCode).values(**values))


async def claim(tx: Transaction, code_hash: SecretHash, *, now: datetime) -> Row[Any] | None:
    """Spend a code and return what it is for; its user is null where the session is over. None where it is none."""
    return (await tx.execute(_CLAIM, {"code_hash": code_hash, "now": now})).first()


async def note_opened(tx: Transaction, code_id: UUID, sid: str) -> None:
    """Write which session a code has opened."""
    await tx.execute(update(ExchangeCode).where(ExchangeCode.id == code_id).values(opened_sid=sid))


async def find_spent(tx: Transaction, code_hash: SecretHash) -> Row[Any] | None:
    """What a code that is spent has opened; None where there is no such code."""
    return (await tx.execute(_SPENT, {"code_hash": code_hash})).first()
