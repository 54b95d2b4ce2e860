"""What was done to the log by hand is found, and the first entry that is not as it was written is named."""

import itertools
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import text

from app.audit.anchors import Anchors
from app.audit.chain import ERASED
from app.audit.chaining import AuditChaining
from app.audit.event import SYSTEM, Event
from app.audit.heads import HEAD_TYP, Head, HeadSigning
from app.audit.retention import ChainCut
from app.audit.settings import AuditSettings
from app.audit.verification import LogVerification, ReadHead, Verified
from app.foundation.origin import Origin
from app.protocols.jose.algorithms import Algorithm
from app.signing_keys.witness import Witness
from app.wiring import Services
from tests.support import ISSUER

pytestmark = pytest.mark.anyio

ENTRIES = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened(Event):
    type: ClassVar[str] = "test.happened"

    what: str


class Log:
    """A log that is written, chained, signed after every fourth entry, tampered with and verified."""

    def __init__(self, services: Services, read_head: ReadHead) -> None:
        self.services = services
        self.verification = LogVerification(services.db, services.clock, read_head)
        heads = HeadSigning(services.clock, self._sign, AuditSettings(head_entries=1), issuer=ISSUER)
        self._heads, self._seconds = heads, itertools.count(1000, 1000)

    def _sign(self, claims: Any) -> str:
        return self.services.keys.sign(claims, algorithm=Algorithm.RS256, typ=HEAD_TYP)

    async def write(self, count: int) -> None:
        for n in range(count):
            origin = Origin(ip=f"192.0.2.{n}", user_agent="Mozilla/5.0", trace_id=f"{n:032x}")
            async with self.services.db.transaction() as tx:
                event = Happened(actor=SYSTEM, origin=origin, subject=f"subject-{n}", what=f"thing {n}")
                await self.services.audit.record(tx, event)
            if n % 4 == 3:
                await self.chain()

    async def chain(self) -> None:
        async with self.services.db.dedicated() as connection:
            while await AuditChaining().step(connection):
                pass
            await self._heads.step(connection, next(self._seconds))

    async def execute(self, statement: str, **values: object) -> None:
        async with self.services.db.transaction() as tx:
            await tx.execute(text(statement), values)

    async def column(self, statement: str) -> list[Any]:
        async with self.services.db.transaction() as tx:
            return list((await tx.execute(text(statement))).scalars())

    async def verified(self, anchors: Path | None = None) -> Verified:
        lines = [("heads", anchors.read_text().splitlines())] if anchors else []
        return await self.verification.verify(lines)


@pytest.fixture
async def log(services: Services) -> Log:
    async with services.db.transaction() as tx:
        witness = await Witness.of(tx)
        # What the start of the test's database wrote.
        await tx.execute(text("TRUNCATE audit_entries"))
    # The first moments of a month, where retention cuts.
    now = services.clock.now()
    services.clock.offset = now.replace(day=1, hour=0, minute=0, second=1) - now
    log = Log(services, lambda jws: Head.of_claims(witness.read(jws, typ=HEAD_TYP)))
    await log.write(ENTRIES)
    return log


async def test_a_log_that_was_left_alone_is_whole(log: Log) -> None:
    found = await log.verified()
    assert (found.broken, found.entries, found.first, found.last) == (None, ENTRIES, 1, ENTRIES)
    assert (found.heads, found.erased, found.gaps, found.unchained) == (3, 0, 0, 0)


async def test_entries_that_wait_for_their_place_are_no_fault_and_are_counted(log: Log) -> None:
    await log.write(2)
    found = await log.verified()
    assert (found.broken, found.unchained, log.verification.is_late(found)) == (None, 2, False)


CHANGES = {
    "its type": "UPDATE audit_entries SET type = 'other' WHERE number = 7",
    "who did it": "UPDATE audit_entries SET actor_kind = 'user', actor_id = 'eve' WHERE number = 7",
    "whom it happened to": "UPDATE audit_entries SET subject = NULL WHERE number = 7",
    "when it happened": "UPDATE audit_entries SET at = at + interval '1 microsecond' WHERE number = 7",
    "where it came from": "UPDATE audit_entries SET ip = '198.51.100.9' WHERE number = 7",
    "its details": 'UPDATE audit_entries SET details = \'{"what": "nothing"}\' WHERE number = 7',
    "its details under an erasure": "UPDATE audit_entries SET details = '{}', personal_salt = NULL WHERE number = 7",
    "its hash": "UPDATE audit_entries SET hash = NULL WHERE number = 7",
    "its salt": "UPDATE audit_entries SET personal_salt = '' WHERE number = 7",
    "its digest": "UPDATE audit_entries SET personal_digest = NULL WHERE number = 7",
}


@pytest.mark.attack("AUD-03")
@pytest.mark.parametrize("change", CHANGES)
async def test_an_entry_that_was_changed_is_named(log: Log, change: str) -> None:
    (changed,) = await log.column("SELECT id FROM audit_entries WHERE number = 7")
    await log.execute(CHANGES[change].replace(":", r"\:"))
    broken = (await log.verified()).broken
    assert broken is not None
    assert (broken.number, broken.entry_id) == (7, changed)
    assert "entry 7" in str(broken)


@pytest.mark.attack("AUD-03")
@pytest.mark.parametrize(("removed", "first"), [("7", 7), ("1", 1), ("4, 5, 6", 4)])
async def test_entries_that_were_removed_are_named(log: Log, removed: str, first: int) -> None:
    await log.execute(f"DELETE FROM audit_entries WHERE number IN ({removed})")
    broken = (await log.verified()).broken
    assert broken is not None
    assert broken.number == first
    assert "missing" in str(broken)


@pytest.mark.attack("AUD-03")
async def test_entries_that_changed_places_are_named(log: Log) -> None:
    await log.execute(
        "UPDATE audit_entries e SET number = o.number, hash = o.hash, personal_salt = o.personal_salt, "
        "personal_digest = o.personal_digest FROM audit_entries o "
        "WHERE e.number IN (5, 6) AND o.number IN (5, 6) AND o.number <> e.number"
    )
    broken = (await log.verified()).broken
    assert broken is not None
    assert broken.number == 5


@pytest.mark.attack("AUD-03")
async def test_an_entry_that_was_slipped_in_is_named(log: Log) -> None:
    await log.execute(
        "INSERT INTO audit_entries SELECT gen_random_uuid(), at, type, outcome, actor_kind, actor_id, subject, ip, "
        "user_agent, trace_id, details, number, hash, personal_salt, personal_digest "
        "FROM audit_entries WHERE number = 6"
    )
    broken = (await log.verified()).broken
    assert broken is not None
    assert broken.number in (6, 7)


@pytest.mark.attack("AUD-03")
async def test_a_tail_that_was_cut_off_is_found(log: Log, tmp_path: Path) -> None:
    heads = await kept_outside(log, tmp_path)
    await log.execute("DELETE FROM audit_entries WHERE number > 9")
    broken = (await log.verified()).broken
    assert broken is not None
    assert (broken.number, "at the end are missing" in str(broken)) == (10, True)
    # Whoever moves the end of the chain too is found by the signed head in the database …
    await log.execute("UPDATE audit_chain SET number = e.number, hash = e.hash FROM audit_entries e WHERE e.number = 9")
    broken = (await log.verified()).broken
    assert broken is not None
    assert "says a signed head" in str(broken)
    # … and whoever removes that as well, only by what is kept outside.
    await log.execute("DELETE FROM audit_heads WHERE number > 9")
    assert (await log.verified()).broken is None
    broken = (await log.verified(heads)).broken
    assert broken is not None
    assert (broken.number, "line 3 of heads" in str(broken)) == (10, True)


@pytest.mark.attack("AUD-03")
async def test_a_log_that_was_written_anew_is_found_by_its_anchors(log: Log, tmp_path: Path) -> None:
    heads = await kept_outside(log, tmp_path)
    await log.execute("UPDATE audit_entries SET subject = 'eve' WHERE number = 7")
    await log.execute("UPDATE audit_entries SET number = NULL, hash = NULL")
    await log.execute("TRUNCATE audit_chain, audit_heads")
    await log.chain()
    assert (await log.verified()).broken is None
    broken = (await log.verified(heads)).broken
    assert broken is not None
    assert "was replaced" in str(broken)


@pytest.mark.attack("AUD-03")
async def test_a_head_that_was_replaced_is_found(log: Log) -> None:
    await log.execute("UPDATE audit_heads SET hash = decode(repeat('00', 32), 'hex') WHERE number = 8")
    broken = (await log.verified()).broken
    assert broken is not None
    assert "not the one that was signed" in str(broken)
    first, last = await log.column("SELECT jws FROM audit_heads WHERE number IN (4, 12) ORDER BY number")
    forged = ".".join([*last.split(".")[:2], first.split(".")[2]])
    await log.execute("UPDATE audit_heads SET jws = :jws WHERE number = 8", jws=forged)
    broken = (await log.verified()).broken
    assert broken is not None
    assert "not signed by us" in str(broken)


@pytest.mark.attack("AUD-03")
async def test_another_kind_of_signed_text_is_no_head(log: Log) -> None:
    jws = log.services.keys.sign({"iss": ISSUER, "number": 8}, algorithm=Algorithm.RS256, typ="at+jwt")
    await log.execute("UPDATE audit_heads SET jws = :jws WHERE number = 8", jws=jws)
    broken = (await log.verified()).broken
    assert broken is not None
    assert "signed as something else" in str(broken)


async def test_the_heads_of_a_retired_key_still_count(log: Log) -> None:
    await log.execute("UPDATE signing_keys SET state = 'retired', private_key = '' WHERE state = 'active'")
    assert (await log.verified()).broken is None


async def test_a_person_who_was_erased_leaves_a_log_that_is_whole(log: Log) -> None:
    assert set(ERASED) == {"ip", "user_agent", "details", "personal_salt"}
    await log.execute(
        "UPDATE audit_entries SET ip = NULL, user_agent = NULL, details = '{}', personal_salt = NULL "
        "WHERE subject IN ('subject-3', 'subject-8')"
    )
    found = await log.verified()
    assert (found.broken, found.erased, found.entries) == (None, 2, ENTRIES)


async def cut(log: Log, partition: str) -> bool:
    async with log.services.db.dedicated() as connection, connection.transaction():
        may_go = await ChainCut(log.services.clock)(connection, partition)
        if may_go:
            await connection.execute(f"DROP TABLE {partition}")
        return may_go


async def last_year(log: Log, condition: str) -> str:
    """Move entries to a partition of their own; the ids stay, as the chain covers them."""
    await log.execute("CREATE TABLE old_part (LIKE audit_entries)")
    await log.execute(f"INSERT INTO old_part SELECT * FROM audit_entries WHERE {condition}")
    await log.execute(f"DELETE FROM audit_entries WHERE {condition}")
    return "old_part"


async def test_retention_drops_what_is_old_and_the_chain_goes_on_across_the_gap(log: Log) -> None:
    # At the turn of the month, entry 6 of the old one was chained behind entry 5 of the new one.
    assert await cut(log, await last_year(log, "number <= 4 OR number = 6"))
    found = await log.verified()
    assert (found.broken, found.first, found.entries, found.gaps) == (None, 5, ENTRIES - 5, 2)
    # The next month goes, and with it what stood for the one before.
    assert await cut(log, await last_year(log, "number IN (5, 7, 8)"))
    found = await log.verified()
    assert (found.broken, found.first, found.entries) == (None, 9, ENTRIES - 8)
    assert await log.column("SELECT number FROM audit_cuts") == [8]


async def test_a_partition_with_entries_that_are_not_chained_yet_stays(log: Log) -> None:
    await log.write(2)
    assert not await cut(log, await last_year(log, "number <= 4 OR number IS NULL"))


@pytest.mark.attack("AUD-03")
async def test_what_is_too_young_for_retention_cannot_be_passed_off_as_old(log: Log) -> None:
    log.services.clock.offset += timedelta(days=10)
    await log.write(ENTRIES)
    (last,) = await log.column("SELECT hash FROM audit_entries WHERE number = 20")
    await log.execute("INSERT INTO audit_cuts VALUES (20, :last, now())", last=last)
    await log.execute("DELETE FROM audit_entries WHERE number BETWEEN 18 AND 20")
    broken = (await log.verified()).broken
    assert broken is not None
    assert "younger" in str(broken)


async def kept_outside(log: Log, folder: Path) -> Path:
    file = folder / "heads"
    services = log.services
    anchors = Anchors(services.db, services.clock, services.outbound, AuditSettings(anchor_file=file))
    assert anchors.are_set_up
    assert await anchors.write_waiting() == 3
    assert await anchors.write_waiting() == 0
    assert (await log.verified(file)).anchors == 3
    return file
