"""Statements on sign-ins at the pages."""

from sqlalchemy import insert

from app.foundation.db import Transaction
from app.hosted.models import HostedSignIn

# Whatever nobody finished is taken away by what comes after it, a few at a time.
ADD = """
    WITH swept AS (
      DELETE FROM hosted_sign_ins WHERE id IN (
        SELECT id FROM hosted_sign_ins WHERE expires_at < $6 ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO hosted_sign_ins (id, browser_hash, requirements, resume_at, sealed, created_at, expires_at)
    VALUES ($1, $2, $3::text::jsonb, $4, $5, $6, $7) RETURNING id
    """

# Parameters: $1 id, $2 hash of the browser's cookie, $3 now. The first browser takes it.
OPEN = """
    WITH taken AS (
      UPDATE hosted_sign_ins SET browser_hash = $2 WHERE id = $1 AND browser_hash IS NULL AND expires_at > $3
      RETURNING id, requirements, resume_at, sealed
    )
    SELECT id, requirements::text AS requirements, resume_at, sealed FROM taken
    UNION ALL
    SELECT id, requirements::text, resume_at, sealed FROM hosted_sign_ins
    WHERE id = $1 AND browser_hash = $2 AND expires_at > $3
    LIMIT 1
    """

# Parameters: $1 hash of the browser's cookie, $2 now.
NEWEST = """
    SELECT id FROM hosted_sign_ins WHERE browser_hash = $1 AND expires_at > $2 AND finished_at IS NULL
    ORDER BY created_at DESC LIMIT 1
    """

# Parameters: $1 id, $2 hash of the browser's cookie, $3 now. What was typed is not kept any longer.
FINISH = """
    UPDATE hosted_sign_ins SET finished_at = $3, sealed = NULL WHERE id = $1 AND browser_hash = $2 RETURNING id
    """

# Parameters: $1 id, $2 hash of the browser's cookie, $3 progress.
KEEP = "UPDATE hosted_sign_ins SET sealed = $3 WHERE id = $1 AND browser_hash = $2 RETURNING id"


async def add(tx: Transaction, values: dict[str, object]) -> None:
    """Insert a sign-in that no browser has opened yet."""
    await tx.execute(insert(HostedSignIn).values(values))
