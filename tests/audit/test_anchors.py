"""Signed heads are made while entries come, and are kept outside."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.audit.anchors import AnchorRefused, Anchors
from app.audit.heads import HEAD_TYP, Head
from app.audit.settings import AuditSettings
from app.foundation.http.egress import Egress
from app.foundation.http.outbound import Outbound
from app.signing_keys.witness import Witness
from app.wiring import Services, build
from tests.conftest import settings_for
from tests.revocation.conftest import until

pytestmark = pytest.mark.anyio


class Receiver:
    """A receiver of anchors, which refuses as long as it is told to."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.status = 204
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if receiver.status == 204:
                    receiver.bodies.append(json.loads(body))
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/anchors"


@pytest.fixture
async def outbound() -> AsyncIterator[Outbound]:
    """Allowed to reach this machine."""
    made = Outbound(Egress(networks=[ip_network("127.0.0.0/8")]))
    yield made
    await made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever)
    thread.start()
    yield receiver
    receiver.server.shutdown()
    thread.join()
    receiver.server.server_close()


async def heads_of(services: Services) -> list[Any]:
    async with services.db.transaction() as tx:
        return list(await tx.execute(text("SELECT number, hash, jws, anchored_at FROM audit_heads ORDER BY number")))


async def test_the_one_that_publishes_signs_the_end_of_the_chain(database_url: str, engines: Any) -> None:
    services = build(settings_for(database_url, engines, audit={"head_entries": 1}))
    await services.open()
    running = asyncio.create_task(services.feed.run())
    try:

        async def signed() -> bool:
            return bool(await heads_of(services))

        await until(signed)
        (row, *_) = await heads_of(services)
        async with services.db.transaction() as tx:
            claims = (await Witness.of(tx)).read(row.jws, typ=HEAD_TYP)
        head = Head.of_claims(claims)
        assert (claims["iss"], head.number, head.hash) == (services.settings.public_url, row.number, row.hash)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await services.close()


async def with_heads(services: Services, count: int) -> None:
    async with services.db.transaction() as tx:
        await tx.execute(
            text(
                "INSERT INTO audit_heads (number, hash, signed_at, jws) "
                "SELECT n, decode('00', 'hex'), now(), 'head-' || n FROM generate_series(1, :count) AS n"
            ),
            {"count": count},
        )


async def test_each_head_is_sent_and_appended_in_order(
    services: Services, outbound: Outbound, receiver: Receiver, tmp_path: Path
) -> None:
    settings = AuditSettings(anchor_file=tmp_path / "heads", anchor_url=receiver.url)
    anchors = Anchors(services.db, services.clock, outbound, settings)
    await with_heads(services, 3)
    assert await anchors.write_waiting() == 3
    assert receiver.bodies == [{"number": n, "head": f"head-{n}"} for n in (1, 2, 3)]
    assert (tmp_path / "heads").read_text() == "head-1\nhead-2\nhead-3\n"
    assert all(head.anchored_at is not None for head in await heads_of(services))
    assert await anchors.write_waiting() == 0


async def test_a_head_that_the_receiver_refused_is_sent_again_and_appended_once(
    services: Services, outbound: Outbound, receiver: Receiver, tmp_path: Path
) -> None:
    settings = AuditSettings(anchor_file=tmp_path / "heads", anchor_url=receiver.url)
    anchors = Anchors(services.db, services.clock, outbound, settings)
    await with_heads(services, 2)
    receiver.status = 503
    for _ in range(2):
        with pytest.raises(AnchorRefused, match="503"):
            await anchors.write_waiting()
    assert all(head.anchored_at is None for head in await heads_of(services))
    receiver.status = 204
    assert await anchors.write_waiting() == 2
    assert [body["number"] for body in receiver.bodies] == [1, 2]
    assert (tmp_path / "heads").read_text() == "head-1\nhead-2\n"


async def test_a_process_that_does_not_lead_anchors_nothing_and_one_that_does_goes_on(
    services: Services, tmp_path: Path
) -> None:
    leads = False
    file = tmp_path / "missing" / "heads"
    anchors = Anchors(services.db, services.clock, services.outbound, AuditSettings(anchor_file=file))
    keeping = asyncio.create_task(anchors.keep(lambda: leads))
    try:
        await with_heads(services, 1)
        file.parent.mkdir()
        leads = True
        await until(lambda: file.exists() and file.read_text() == "head-1\n")
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"number": "7", "hash": "AA", "iat": 1},
        {"number": 7, "hash": "A", "iat": 1},
        {"number": 7, "hash": "AA", "iat": 10**30},
    ],
)
def test_claims_that_are_no_head_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="not those of a head"):
        Head.of_claims(claims)


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="full address"):
        AuditSettings(anchor_url="ftp://anchors.example.com")
