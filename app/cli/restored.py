"""`restored`: after a backup of the database was restored."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

import typer

from app.audiences.own import SELF
from app.audit.events import ServiceRestored
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_json
from app.foundation.clock import rfc3339
from app.revocation.kinds import RevocationKind
from app.wiring import Services

app = typer.Typer(add_completion=False)

_API_KEYS = "api_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was issued before `not_before` counts no more; `changed` says how many rows of which tables that took."""

    not_before: datetime
    changed: dict[str, int]
    rotated: list[str]


@app.command()
def restored(
    keep_api_keys: Annotated[
        bool, typer.Option("--keep-api-keys", help="Let API keys count; those revoked since the backup do too.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Refuse whatever was issued before this moment: run it after you restored a backup, before anything serves.

    A restored database is in the past: what was revoked or spent since would count again. All sessions, grants and API
    keys end, codes, challenges and links go, the signing keys are rotated without an overlap, and every service that
    follows revocations refuses older tokens. People sign in again.

    Example: auth-service restored --yes
    """
    if not yes:
        typer.confirm("Everybody will have to sign in again. Go on?", abort=True)
    acting = Acting()

    async def work() -> Done:
        async with opened(data_dir) as services:
            return await _restore(services, acting, keep_api_keys=keep_api_keys)

    with explained():
        done = asyncio.run(work())
    if as_json:
        print_json({"not_before": rfc3339(done.not_before), "changed": done.changed, "rotated": done.rotated})
        return
    print(f"What was issued before {rfc3339(done.not_before)} is refused. Rotated: {', '.join(done.rotated)}.")
    print_columns(("TABLE", "CHANGED"), [(table, str(count)) for table, count in done.changed.items() if count])


async def _restore(services: Services, acting: Acting, *, keep_api_keys: bool) -> Done:
    changed = await services.restoration.apply(without=(_API_KEYS,) if keep_api_keys else ())
    rotated = []
    for algorithm in sorted({key.algorithm for key in await services.keys.list_all()}):
        done = await services.key_rotation.rotate(
            algorithm, overlap_seconds=0, force=True, actor=acting.actor, origin=acting.origin
        )
        rotated.append(done.algorithm.value)
    async with services.db.transaction() as tx:
        names = {services.settings.public_url, SELF}
        for audience in await services.audiences.list_all(tx):
            names |= {audience.name, *audience.resources}
        not_before = await services.revocations.add_all(
            tx, RevocationKind.AUD, sorted(names - {SELF}), reason="restored"
        )
        event = ServiceRestored(
            actor=acting.actor, origin=acting.origin, not_before=rfc3339(not_before), changed=changed
        )
        await services.audit.record(tx, event)
    # Until then a new token would be among those that are refused.
    await asyncio.sleep(max(0.0, (not_before - services.clock.now()).total_seconds()))
    return Done(not_before=not_before, changed=changed, rotated=rotated)
