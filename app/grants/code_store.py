"""Statements on authorization codes."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row, text

from app.foundation.db import Transaction
from app.roles.holding import HELD

# A session that is over between the page and this statement gives no code.
_ADD = text(
    f"""
    WITH live AS (
      SELECT s.id, s.acr, u.id AS user_id FROM sessions s JOIN users u ON u.id = s.user_id
      WHERE s.id = :session_id AND u.id = :user_id AND u.status = 'active' AND s.actor_user_id IS NULL
        AND s.ended_at IS NULL AND s.expires_at > :now AND s.idle_expires_at > :now
    ), added AS (
      INSERT INTO authorization_codes (id, code_hash, client_id, session_id, user_id, redirect_uri, redirect_uri_given,
        challenge, nonce, scope, offline, audience, resource, claims, flow_id, created_at, expires_at)
      SELECT :id, :code_hash, :client_id, id, user_id, :redirect_uri, :redirect_uri_given, :challenge, :nonce, :scope,
        :offline, :audience, :resource, CAST(:claims AS jsonb), :flow_id, CAST(:now AS timestamptz), :expires_at
      FROM live
    )
    SELECT live.acr, {HELD.format(user_id="live.user_id")} FROM live
    """  # noqa: S608 — built from constants; every value is a parameter
)


async def add(tx: Transaction, values: Mapping[str, Any]) -> Row[Any] | None:
    """Insert a code under a live session; return the session's `acr` and what its user holds, or None."""
    return (await tx.execute(_ADD, dict(values))).first()
