"""Statements on the tables of SAML."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, insert, select, text, update

from app.federation.saml.key_pair import KeyState, SealedKey, StoredKey
from app.federation.saml.models import SAMLKey
from app.foundation.db import Transaction

# Parameters: $1 digest, $2 until when it counts. One of those who come at once wins.
SEE = "INSERT INTO saml_seen (digest, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING digest"

# Parameters: $1 hash of the id, $2 sealed, $3 until when.
PARK = "INSERT INTO saml_arrivals (id_hash, sealed, expires_at) VALUES ($1, $2, $3) RETURNING id_hash"

# Parameters: $1 hash of the id, $2 now.
TAKE = "DELETE FROM saml_arrivals WHERE id_hash = $1 AND expires_at > $2 RETURNING sealed"

# Parameters: $1 session, $2 digest of the name, $3 sealed, $4 now.
KEEP_SESSION = """
    INSERT INTO saml_sessions (session, name_digest, sealed, created_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (session) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at RETURNING session
    """

# Parameters: $1 digest of the name. The newest, as many as a person has.
SESSIONS_OF_NAME = """
    SELECT array_agg(session) AS sessions FROM (
      SELECT session FROM saml_sessions WHERE name_digest = $1 ORDER BY created_at DESC LIMIT 100
    ) AS newest
    """

# Parameters: $1 session.
FIND_SESSION = "SELECT sealed FROM saml_sessions WHERE session = $1"


async def lock(tx: Transaction) -> None:
    """Let those who change the key pairs take turns until the transaction ends."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('saml_keys'))"))


async def list_keys(tx: Transaction) -> list[StoredKey]:
    """Each key pair, newest first."""
    rows = await tx.execute(select(SAMLKey.__table__).order_by(SAMLKey.id.desc()))
    return [
        StoredKey(
            id=row.id,
            state=KeyState(row.state),
            sealed=SealedKey(row.certificate, row.private_key),
            created_at=row.created_at,
            activated_at=row.activated_at,
            retires_at=row.retires_at,
        )
        for row in rows
    ]


async def add_key(tx: Transaction, key: StoredKey) -> None:
    """Store a key pair."""
    values = {
        "id": key.id,
        "state": key.state.value,
        "certificate": key.sealed.certificate,
        "private_key": key.sealed.private_key,
        "created_at": key.created_at,
        "activated_at": key.activated_at,
        "retires_at": key.retires_at,
    }
    await tx.execute(insert(SAMLKey).values(values))


async def activate(tx: Transaction, key_id: UUID, *, at: datetime) -> None:
    """Let a key pair sign from now on."""
    values = {"state": KeyState.ACTIVE.value, "activated_at": at}
    await tx.execute(update(SAMLKey).where(SAMLKey.id == key_id).values(values))


async def begin_retiring(tx: Transaction, key_id: UUID, *, retires_at: datetime) -> None:
    """Let a key pair sign no more, and open until then."""
    values = {"state": KeyState.RETIRING.value, "retires_at": retires_at}
    await tx.execute(update(SAMLKey).where(SAMLKey.id == key_id).values(values))


async def remove_key(tx: Transaction, key_id: UUID) -> None:
    """Erase a key pair."""
    await tx.execute(delete(SAMLKey).where(SAMLKey.id == key_id))
