"""A log as it is after a while."""

import json
from datetime import timedelta

from app.audit.event import Actor, ActorKind
from app.foundation.ids import new_id
from app.foundation.origin import Origin

OPERATOR = Actor(ActorKind.OPERATOR, "ops")
ORIGIN = Origin(ip="192.0.2.1", user_agent="test", trace_id="f" * 32)

COLUMNS = (
    "id",
    "at",
    "type",
    "outcome",
    "actor_kind",
    "actor_id",
    "subject",
    "ip",
    "user_agent",
    "trace_id",
    "details",
)


async def write(connection, now, *, rows, every=timedelta(seconds=1), **fixed):
    """Write `rows` entries, the newest at `now`, each `every` older than the one after it."""
    records = []
    for n in range(rows):
        at = now - n * every
        values = {
            "id": new_id(at),
            "at": at,
            "type": ("session.created", "login.failed", "token.refreshed")[n % 3],
            "outcome": "refused" if n % 3 == 1 else "success",
            "actor_kind": "user",
            "actor_id": f"actor{n % 500}",
            "subject": f"subject{n % 500}",
            "ip": f"198.51.{n % 500 // 250}.{n % 250}",
            "user_agent": "curl/8",
            "trace_id": f"{n:032x}",
            "details": json.dumps({"n": n}),
        }
        values |= {name: value(n) if callable(value) else value for name, value in fixed.items()}
        records.append(tuple(values[column] for column in COLUMNS))
    await connection.copy_records_to_table("audit_entries", records=records, columns=list(COLUMNS))
