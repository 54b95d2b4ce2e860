"""The follower against feeds of every kind: what is believed, what is refused, and what it costs to be lied to."""

import asyncio
import json
import logging
import time
import uuid

import pytest
from joserfc import jwk
from starlette.responses import JSONResponse, Response, StreamingResponse

from auth_service_sdk import APIKeyAuthMiddleware, JWTAuthMiddleware, revocation_status
from auth_service_sdk.action_tokens import basic_credentials
from auth_service_sdk.client import ServiceConnection
from auth_service_sdk.feed_events import MAX_EVENT_BYTES
from auth_service_sdk.following import FEED_PATH, Follower
from auth_service_sdk.verifier import Expectations

pytestmark = pytest.mark.anyio
AUDIENCE = "orders-api"
EPOCH = "e" * 32


class Feed:
    """A feed that behaves well until `script` says what the next connections get."""

    def __init__(self, issuer):
        self.issuer = issuer
        self.entries = []
        self.base = 0
        self.script = []
        self.cursors = []
        self.skew = 0
        self.is_silent = False
        # Its own, so that a follower of the test before is not taken for one of this.
        self.credentials = (uuid.uuid4().hex, "s")
        issuer.answers[FEED_PATH] = self.answer

    def revoke(self, kind, name, at=None):
        now = int(time.time())
        self.entries.append({"kind": kind, "id": name, "at": at or now, "expires": now + 3600})

    def batch(self, entries=(), *, start=None, end=None, snapshot=False, key=None, header=None, **claims):
        end = len(self.entries) if end is None else end
        body = {
            "iss": self.issuer.url,
            "aud": AUDIENCE,
            "epoch": EPOCH,
            "from": 0 if snapshot else end if start is None else start,
            "to": end,
            "as_of": time.time() + self.skew,
            "entries": list(entries),
        }
        if snapshot:
            body |= {"count": len(body["entries"]), "part": 1, "parts": 1}
        key = key or self.issuer.keys["EdDSA"]
        members = {"alg": "EdDSA", "kid": key.thumbprint(), "typ": "revocations+jwt"} | (header or {})
        return self.issuer.sign(json.dumps(members).encode(), json.dumps(body | claims).encode(), "EdDSA", key)

    def snapshot(self, **changes):
        entries = changes.pop("entries", self.entries)
        return self.batch(entries, snapshot=True, **changes)

    def event(self, token, cursor=None):
        cursor = cursor or f"{EPOCH}.{len(self.entries)}"
        return f"id: {cursor}\nevent: revocations\ndata: {token}\n\n".encode()

    def answer(self, request):
        if request.headers.get("authorization") != basic_credentials(*self.credentials):
            return Response(status_code=401)
        self.cursors.append(request.headers.get("last-event-id") or request.query_params.get("after"))
        if self.script:
            step = self.script.pop(0)
            return step(request) if callable(step) else events(step)
        if "text/event-stream" not in request.headers.get("accept", ""):
            return self.document(self.cursors[-1])
        return StreamingResponse(self.stream(self.cursors[-1]), media_type="text/event-stream")

    def document(self, cursor):
        position = len(self.entries)
        start = int(cursor.rpartition(".")[2]) if cursor else None
        token = self.snapshot() if cursor is None else self.batch(self.entries[start:], start=start)
        return JSONResponse({"batches": [token], "cursor": f"{EPOCH}.{position}"})

    async def stream(self, cursor):
        if cursor is None:
            position = len(self.entries)
            yield self.event(self.snapshot())
        else:
            position = int(cursor.rpartition(".")[2])
        beaten_at = 0
        while not self.is_silent:
            if len(self.entries) > position or time.monotonic() - beaten_at > 0.1:
                beaten_at = time.monotonic()
                yield self.event(self.batch(self.entries[position:], start=position))
                position = len(self.entries)
            await asyncio.sleep(0.005)


def events(chunks):
    async def body():
        for chunk in chunks:
            yield chunk
        # As a server that has nothing more to say and does not say so.
        await asyncio.sleep(0.2)

    return StreamingResponse(body(), media_type="text/event-stream")


async def endless(piece):
    while True:
        yield piece
        await asyncio.sleep(0)


def forever(piece):
    return lambda _request: StreamingResponse(endless(piece), media_type="text/event-stream")


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.fixture
def feed(issuer):
    return Feed(issuer)


@pytest.fixture
async def follow(issuer, feed):
    """Start a follower of the issuer's feed."""
    held = []

    def start(*others):
        expected = Expectations(issuer=issuer.url, audiences=frozenset({AUDIENCE, *others}))
        follower = Follower(ServiceConnection(issuer.url), credentials=feed.credentials, expected=expected)
        follower.users.add(follower)
        follower.start()
        held.append(follower)
        return follower

    yield start
    for follower in held:
        await follower.stop()


STRANGER = jwk.OKPKey.generate_key("Ed25519")
LIES = {
    "forged": lambda f: [f.event(f.snapshot(key=STRANGER, header={"kid": f.issuer.keys["EdDSA"].thumbprint()}))],
    "signed by a stranger": lambda f: [f.event(f.snapshot(key=STRANGER))],
    "unsigned": lambda f: [f.event(f.snapshot(header={"alg": "none"}))],
    "signed by a secret": lambda f: [f.event(f.snapshot(header={"alg": "HS256"}))],
    "for somebody else": lambda f: [f.event(f.snapshot(aud="billing-api"))],
    "for several": lambda f: [f.event(f.snapshot(aud=[AUDIENCE]))],
    "of another issuer": lambda f: [f.event(f.snapshot(iss="https://evil.example"))],
    "an access token": lambda f: [f.event(f.issuer.mint())],
    "an action token": lambda f: [f.event(f.snapshot(header={"typ": "action+jwt"}))],
    "cut off": lambda f: [f.event(f.snapshot()[:-9])],
    "no token": lambda f: [f.event("rubbish")],
    "a change first": lambda f: [f.event(f.batch())],
    "parts out of order": lambda f: [f.event(f.snapshot(part=2, parts=2))],
    "parts without end": lambda f: [f.event(f.snapshot(parts=10**9))],
    "another part twice": lambda f: [f.event(f.snapshot(parts=2)), f.event(f.snapshot(parts=2))],
    "more than it counts": lambda f: [
        f.event(f.snapshot(entries=[{"kind": "sid", "id": "s", "at": 1, "expires": 2}], count=0))
    ],
    "fewer than it counts": lambda f: [f.event(f.snapshot(count=5_000_000))],
    "an unknown kind": lambda f: [
        f.event(f.snapshot(entries=[{"kind": "x", "id": "s", "at": 1, "expires": 2}], count=1))
    ],
    "a nameless entry": lambda f: [
        f.event(f.snapshot(entries=[{"kind": "sid", "id": "", "at": 1, "expires": 2}], count=1))
    ],
    "an entry that is none": lambda f: [f.event(f.snapshot(entries=[7], count=1))],
    "truth for a time": lambda f: [f.event(f.snapshot(as_of=True))],
    "a range backwards": lambda f: [f.event(f.batch(start=7, end=3))],
    "an hour old": lambda f: [f.event(f.snapshot(as_of=time.time() - 3600))],
    "a day ahead": lambda f: [f.event(f.snapshot(as_of=time.time() + 86_400))],
    "without cursor": lambda f: [b"event: revocations\ndata: " + f.snapshot().encode() + b"\n\n"],
    "a line without end": lambda _: forever(b"x" * 65_536),
    "comments without end": lambda _: forever(b": keep waiting\n" * 4096),
    "data without end": lambda _: forever(b"data: " + b"A" * 60_000 + b"\n"),
    "events of another name": lambda f: [f.event(f.snapshot()).replace(b"event: revocations", b"event: message")],
    "a page": lambda _: lambda _request: Response("<html>", media_type="text/html"),
    "compressed": lambda _: lambda _request: Response(b"x", headers={"content-encoding": "gzip"}),
    "no feed": lambda _: lambda _request: Response(status_code=404),
    "wrong credentials": lambda _: lambda _request: JSONResponse({}, 401),
    "a redirect": lambda _: lambda _request: Response(status_code=302, headers={"location": "http://evil.example"}),
    "an error": lambda _: lambda _request: Response(status_code=500),
}


@pytest.mark.attack("SDK-03")
@pytest.mark.parametrize("lie", LIES)
async def test_a_feed_that_lies_is_not_believed(feed, follow, lie):
    for _ in range(100):
        feed.script.append(LIES[lie](feed))
    follower = follow()
    await until(
        lambda: len(feed.cursors) >= 1 and (follower.connections > 1 or follower.trouble != "the feed was not read yet")
    )
    assert follower.state.revoked is None
    assert follower.state.known_at < 0


async def test_a_feed_that_comes_to_its_senses_is_followed(feed, follow):
    feed.script = [LIES["forged"](feed), LIES["a page"](feed)]
    feed.revoke("sid", "s-1")
    follower = follow()
    await until(lambda: follower.state.revoked is not None)
    assert (len(follower.state.revoked), follower.state.position, follower.trouble) == (1, 1, None)


async def test_what_is_missed_is_noticed_and_a_snapshot_taken(feed, follow):
    feed.script = [[feed.event(feed.snapshot()), feed.event(feed.batch(start=3, end=4))]]
    follower = follow()
    await until(lambda: follower.state.revoked is not None)
    feed.entries = []
    for number in range(4):
        feed.revoke("sid", f"s-{number}")
    await until(lambda: len(follower.state.revoked) == 4)
    assert feed.cursors[:2] == [None, None]


async def test_another_counting_begins_with_a_snapshot_and_an_older_one_of_ours_is_refused(feed, follow):
    feed.revoke("sid", "s-1")
    old = feed.snapshot()
    feed.revoke("sid", "s-2")
    feed.script = [[feed.event(feed.snapshot()), feed.event(feed.batch(epoch="f" * 32))], [feed.event(old)]]
    follower = follow()
    await until(lambda: follower.refused >= 1)
    assert follower.state.position == 2
    await until(lambda: follower.trouble is None)
    assert feed.cursors[:3] == [None, None, None]


async def test_a_batch_that_is_replayed_makes_nothing_younger(feed, follow):
    first = feed.event(feed.snapshot(as_of=time.time() - 20))
    replayed = feed.event(feed.batch(as_of=time.time() - 20))
    feed.script = [[first, feed.event(feed.batch()), *[replayed] * 50]]
    follower = follow()
    await until(lambda: follower.batches >= 50)
    state, heard = follower.state, follower.batches
    known_at = state.known_at
    assert heard >= 50
    assert time.monotonic() - known_at < 19
    feed.is_silent = True
    assert state.known_at <= time.monotonic()


@pytest.mark.attack("KEY-02")
async def test_a_batch_signed_by_a_revoked_key_is_refused_and_nothing_is_built_on_what_it_signed(feed, issuer, follow):
    thief = jwk.OKPKey.generate_key("Ed25519")
    issuer.extra_jwks.append(issuer.public_jwk("EdDSA", thief))
    feed.script = [[feed.event(feed.batch([], snapshot=True, end=10**9, key=thief))]]
    follower = follow()
    await until(lambda: follower.state.position == 10**9)
    feed.revoke("kid", thief.thumbprint())
    feed.script = [
        [feed.event(feed.batch(feed.entries, start=0, end=10**9))],
        [feed.event(feed.snapshot())],
        [feed.event(feed.snapshot(key=thief, as_of=time.time() + 1))],
    ]
    await until(lambda: follower.state.position == 1)
    await until(lambda: follower.refused == 1)
    assert follower.state.revoked.names_key(thief.thumbprint())


async def test_a_change_for_another_audience_that_is_accepted_too_hides_nothing(feed, follow):
    feed.script = [[feed.event(feed.snapshot()), feed.event(feed.batch(aud="billing-api", start=0, end=9))]]
    follower = follow("billing-api")
    await until(lambda: follower.refused == 1)
    assert follower.state.position == 0
    assert follower.state.audience == AUDIENCE


async def test_where_streams_do_not_get_through_the_feed_is_polled(feed, follow, caplog):
    caplog.set_level(logging.INFO, "auth_service_sdk")
    feed.script = [[b": hello\n\n"], [b": hello\n\n"]]
    follower = follow()
    await until(lambda: follower.is_polling and follower.state.revoked is not None)
    feed.revoke("sid", "s-1")
    await until(lambda: len(follower.state.revoked) == 1)
    assert "by long poll" in caplog.text


async def test_a_stream_that_ends_goes_on_where_it_was(feed, follow):
    feed.revoke("sid", "s-1")
    feed.script = [[feed.event(feed.snapshot())]]
    follower = follow()
    await until(lambda: len(feed.cursors) >= 2)
    assert feed.cursors[:2] == [None, f"{EPOCH}.1"]
    assert follower.refused == 0


async def test_a_batch_in_small_pieces_is_read(feed, follow):
    feed.revoke("sid", "s-1")
    raw = feed.event(feed.snapshot()).replace(b"\n", b"\r\n")
    feed.script = [[raw[i : i + 7] for i in range(0, len(raw), 7)]]
    follower = follow()
    await until(lambda: follower.batches == 1)
    assert len(follower.state.revoked) == 1
    assert len(raw) < MAX_EVENT_BYTES


async def test_a_host_whose_clock_is_off_is_told_so_and_a_little_is_borne(feed, follow, caplog):
    feed.skew = -29
    follower = follow()
    await until(lambda: follower.state.revoked is not None)
    assert time.monotonic() - follower.state.known_at < 5
    assert "29" in caplog.text
    feed.skew = 300
    await until(lambda: follower.state.clock_off)
    assert "s behind the authentication service's" in follower.state.clock_off
    feed.skew = 0
    await until(lambda: follower.state.clock_off is None)


async def test_guards_of_one_loop_share_a_follower_which_ends_with_the_lifespan(feed, issuer):
    async def app(scope, receive, _send):
        while (await receive())["type"] != "lifespan.shutdown":
            pass

    pair = dict(zip(("client_id", "client_secret"), feed.credentials, strict=True))
    given = {"auth_base_url": issuer.url, "expected_audience": AUDIENCE, **pair}
    guarded = APIKeyAuthMiddleware(JWTAuthMiddleware(app, **given), **given)
    inbox = asyncio.Queue()
    task = asyncio.create_task(guarded({"type": "lifespan"}, inbox.get, None))
    mine = lambda: [s for s in revocation_status() if s.base_url == issuer.url]  # noqa: E731
    await until(lambda: mine() and mine()[0].trouble is None)
    [status] = mine()
    assert (status.by, status.entries, status.audiences) == ("stream", 0, (AUDIENCE,))
    assert status.age_seconds < 30
    assert feed.cursors == [None]
    await inbox.put({"type": "lifespan.shutdown"})
    await task
    assert mine() == []
