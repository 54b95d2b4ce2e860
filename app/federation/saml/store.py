"""Statements on the tables of SAML."""

from sqlalchemy import insert, select, text

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
    """Let those who make the first key take turns until the transaction ends."""
    await tx.execute(text("SELECT pg_advisory_xact_lock(hashtext('saml_keys'))"))


async def list_keys(tx: Transaction) -> list[tuple[bytes, bytes]]:
    """Certificate and sealed private half of each key pair, newest first."""
    rows = await tx.execute(select(SAMLKey.certificate, SAMLKey.private_key).order_by(SAMLKey.id.desc()))
    return [(row.certificate, row.private_key) for row in rows]


async def add_key(tx: Transaction, values: dict[str, object]) -> None:
    """Store a key pair."""
    await tx.execute(insert(SAMLKey).values(values))
