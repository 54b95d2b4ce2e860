"""What clients were told has happened, and the judge who looks whether it did."""

from collections import defaultdict
from dataclasses import dataclass, field

import asyncpg
import httpx2

from tests.support import bearer

# A change without its audit entry, an audit entry without its change, or either without its event.
_HALVES = {
    "user without entry": """
        SELECT count(*) FROM users u WHERE NOT EXISTS
          (SELECT FROM audit_entries a WHERE a.type = 'user.created' AND a.subject = u.sub)""",
    "entry without user": """
        SELECT count(*) FROM audit_entries a WHERE a.type = 'user.created' AND NOT EXISTS
          (SELECT FROM users u WHERE u.sub = a.subject)""",
    "user without password": """
        SELECT count(*) FROM users u WHERE NOT EXISTS
          (SELECT FROM password_credentials p WHERE p.user_id = u.id)""",
    "session without entry": """
        SELECT count(*) FROM sessions s WHERE NOT EXISTS
          (SELECT FROM audit_entries a WHERE a.details->>'sid' = s.sid AND (a.type = 'session.created'
            OR a.type = 'code.redeemed' AND (a.details->>'offline')::boolean))""",
    "entry without session": """
        SELECT count(*) FROM audit_entries a WHERE a.type = 'session.created' AND NOT EXISTS
          (SELECT FROM sessions s WHERE s.sid = a.details->>'sid')""",
    "session without grant": """
        SELECT count(*) FROM sessions s WHERE NOT EXISTS (SELECT FROM grants g WHERE g.session_id = s.id)""",
    "ended session without entry": """
        SELECT count(*) FROM sessions s WHERE ended_at IS NOT NULL AND NOT EXISTS
          (SELECT FROM audit_entries a WHERE a.type = 'session.revoked' AND a.details->>'sid' = s.sid)""",
    "rotations that differ from their entries": """
        SELECT abs((SELECT count(*) FROM refresh_tokens WHERE rotated_at IS NOT NULL)
                 - (SELECT count(*) FROM audit_entries WHERE type = 'token.refreshed'))""",
    "successor that was never written": """
        SELECT count(*) FROM refresh_tokens t WHERE successor_id IS NOT NULL AND NOT EXISTS
          (SELECT FROM refresh_tokens n WHERE n.id = t.successor_id)""",
    "entry without event": """
        SELECT count(*) FROM audit_entries a WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = a.id)""",
    "event without entry": """
        SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT FROM audit_entries a WHERE a.id = e.id)""",
}
_DOUBLES = "SELECT count(*) - count(DISTINCT successor_id) FROM refresh_tokens WHERE successor_id IS NOT NULL"


@dataclass
class Ledger:
    """Acknowledged writes of every kind."""

    users: list[str] = field(default_factory=list)
    sessions: list[dict] = field(default_factory=list)
    revoked: list[dict] = field(default_factory=list)
    # The newest tokens of each chain of refreshes, and every successor that a spent token was answered with.
    chains: dict[int, dict] = field(default_factory=dict)
    successors: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    # Live tokens that were refused: lost as well, noticed by a client at once.
    refused: list[str] = field(default_factory=list)

    @property
    def written(self) -> int:
        return len(self.users) + len(self.sessions) + len(self.revoked) + len(self.successors)

    def rotated(self, chain: int, spent: str, tokens: dict) -> None:
        self.successors[spent].add(tokens["refresh_token"])
        self.chains[chain] = tokens

    async def judge(self, client: httpx2.AsyncClient, dsn: str) -> tuple[int, int]:
        """How many acknowledged writes are lost, and how many single-use things were used twice."""
        lost, doubled = len(self.refused), sum(len(found) - 1 for found in self.successors.values())
        gone = {tokens["access_token"] for tokens in self.revoked}
        for tokens in self.sessions:
            expected = 401 if tokens["access_token"] in gone else 200
            lost += (await client.get("/auth/validate", headers=bearer(tokens))).status_code != expected
        for tokens in self.chains.values():
            answer = await client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
            lost += answer.status_code != 200
        connection = await asyncpg.connect(dsn)
        try:
            kept = await connection.fetchval("SELECT count(*) FROM users WHERE email_key = ANY($1)", self.users)
            lost += len(self.users) - kept
            doubled += await connection.fetchval(_DOUBLES)
        finally:
            await connection.close()
        return lost, doubled


async def halves(dsn: str) -> dict[str, int]:
    """What is written in part: empty when every change has its entry and its event."""
    connection = await asyncpg.connect(dsn)
    try:
        found = {name: await connection.fetchval(query) for name, query in _HALVES.items()}
    finally:
        await connection.close()
    return {name: count for name, count in found.items() if count}
