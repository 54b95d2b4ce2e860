"""How the service grows: 1, 2 and 4 web processes behind a real proxy; and a thousand services, by calculation.

    python -m bench.scale [--processes 1 2 4] [--seconds S]
    python -m bench.scale --simulate

The first needs nginx. Load, proxy, PostgreSQL and every process share what processors there are, so that it is CPU
that grows evenly, and throughput only as far as there are processors: both are printed. The second measures what one
entry costs where it passes, and multiplies; it prints what it takes for granted.
"""

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

from joserfc import jws
from joserfc.jwk import RSAKey

from app.foundation.secrets import random_id
from app.revocation.follow import Revoked
from app.revocation.kinds import LONGEST_TOKEN, MARGIN, RevocationKind
from app.settings import Settings
from app.signals.batch import MAX_ENTRIES, Cursor, Span, batch_claims
from app.signals.signed import SignedBatch
from app.wiring import build
from auth_service_sdk.revocations import Entry, RevocationSet
from bench.apps import AUDIENCE
from bench.followers import Follower, Heard, committed, follow_request, revoke, settings_of
from bench.load import Rotation, fire
from bench.machines import register_client
from bench.measure import get_request
from bench.processes import BenchError, cpu_seconds, running
from bench.service import Backend, Service, backend, free_port, service

SECONDS, CONNECTIONS, RATE = 6.0, 64, 50.0
_EMAIL = "scale@example.com"
# One issuer, whichever process answers.
_ONE = {"PUBLIC_URL": "http://127.0.0.1:9", "DATABASE__ANSWER_SECONDS": "10"}
_SEARCHED = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])

# What the calculation takes for granted.
SERVICES, PER_MINUTE, WEB_PROCESSES = 1_000, 100_000, 8
BATCHES_A_SECOND = 1 / 0.4


@contextlib.contextmanager
def nginx(folder: Path, ports: list[int]) -> Iterator[int]:
    """nginx before these ports, for the time of a block; its own port."""
    program = shutil.which("nginx", path=_SEARCHED)
    if program is None:
        raise BenchError("nginx is not installed; tools/system_packages.sh brings it")
    port, here = free_port(), folder / f"nginx-{len(ports)}"
    here.mkdir()
    servers = "".join(f"server 127.0.0.1:{each}; " for each in ports)
    (here / "nginx.conf").write_text(
        f"""
        daemon off; pid {here}/pid; error_log {here}/error.log; worker_processes 1;
        events {{ worker_connections 4096; }}
        http {{
          access_log off; client_body_temp_path {here}; proxy_temp_path {here}; fastcgi_temp_path {here};
          uwsgi_temp_path {here}; scgi_temp_path {here};
          upstream service {{ {servers} keepalive 256; }}
          server {{ listen 127.0.0.1:{port}; keepalive_requests 1000000;
            location / {{ proxy_pass http://service; proxy_http_version 1.1; proxy_set_header Connection "";
              proxy_set_header Host 127.0.0.1; }} }}
        }}
        """
    )
    with running([program, "-c", str(here / "nginx.conf"), "-p", str(here)], core=None, folder=here) as process:
        process.wait_until((here / "pid").exists)
        yield port


async def delays(
    base: Backend, services: list[Service], client: tuple[str, str], seconds: float
) -> tuple[float, float]:
    """p50 and p99, in seconds, from a commit until a follower at each of the processes has heard of it."""
    loop, heard = asyncio.get_running_loop(), Heard()
    request = follow_request(client, gzip=True)
    for each in services:
        transport, follower = await loop.create_connection(partial(Follower, request, heard), "127.0.0.1", each.port)
        await follower.joined
    own = build(Settings(**settings_of(base)))
    await own.db.open()
    done = await revoke(own, rate=RATE, seconds=seconds)
    await asyncio.sleep(2)
    await own.close()
    found = heard.delays(await committed(base, done))
    transport.close()
    if not found:
        raise BenchError("nobody heard of anything")
    return found[len(found) // 2], found[int(len(found) * 0.99)]


def grow(counts: list[int], seconds: float) -> None:
    """Print a line for each number of processes."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name, backend(Path(name)) as base:
        first = 0.0
        for count in counts:
            with contextlib.ExitStack() as stack:
                services = [stack.enter_context(service(base, core=None, env=_ONE)) for _ in range(count)]
                port = stack.enter_context(nginx(Path(name), [each.port for each in services]))
                if not first:
                    services[0].sign_up(_EMAIL)
                    named = ("--name", "scale", "--audience", AUDIENCE, "--scope", "revocations:read")
                    client = register_client(services[0], *named)
                base.forget_limits()
                tokens = [services[0].log_in(_EMAIL, algorithm="ES256")["access_token"] for _ in range(8)]
                traffic = Rotation([get_request("/auth/validate", token) for token in tokens])
                cpu = [cpu_seconds(each.pid) for each in services]
                shot = asyncio.run(fire(traffic, port=port, connections=CONNECTIONS, seconds=seconds))
                used = sum(cpu_seconds(each.pid) for each in services) - sum(cpu)
                p50, p99 = asyncio.run(delays(base, services, client, seconds))
            rate = shot["requests"] / shot["seconds"]
            first = first or rate
            print(
                f"{count} processes behind nginx: {rate:,.0f} validations/s ({rate / first:.2f} times the first line), "
                f"{shot['requests'] / used:,.0f} per CPU-second of theirs, p99 {shot['p99_ms']:.0f} ms, "
                f"{shot['refused']} refused; a revocation is heard after {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, "
                f"at {RATE:g}/s"
            )


def simulate() -> None:
    """Print what a thousand services and 100 000 revocations a minute come to."""
    a_second = PER_MINUTE / 60
    alive = int(PER_MINUTE * (LONGEST_TOKEN + MARGIN).total_seconds() / 60)
    entries_each = int(a_second / BATCHES_A_SECOND)
    batches_each = -(-entries_each // MAX_ENTRIES)
    key, now = RSAKey.generate_key(2048), datetime.now(UTC)
    revoked = [
        Revoked(
            seq=number,
            kind=RevocationKind.SID,
            target=random_id(),
            audience=None,
            at=now,
            expires_at=now + timedelta(hours=1),
        )
        for number in range(MAX_ENTRIES)
    ]
    span = Span(start=0, end=Cursor(uuid4(), MAX_ENTRIES), as_of=now)
    claims = batch_claims(revoked, span, issuer="https://auth.example.com", audience="orders-api")
    header = {"alg": "RS256", "typ": "revocations+jwt", "kid": "k" * 43}
    text = json.dumps(claims, separators=(",", ":"))
    sign = _cpu(lambda: jws.serialize_compact(header, text, key, algorithms=["RS256"]))
    token = jws.serialize_compact(header, text, key, algorithms=["RS256"]).encode()
    batch = SignedBatch(token, str(span.end))
    pack = _cpu(lambda: SignedBatch(token, str(span.end)).compressed)
    verify = _cpu(lambda: json.loads(jws.deserialize_compact(token, key, algorithms=["RS256"]).payload))
    kept, heard = RevocationSet(), [_entry(each) for each in revoked]
    add = _cpu(lambda: kept.add(heard, version=1, now=time.time()))
    filled, step = RevocationSet(), 50_000
    for start in range(0, min(alive, 1_000_000), step):
        later = time.time() + 3600
        names = (f"{number:022d}" for number in range(start, start + step))
        filled.add(
            [Entry("sid", name, int(later) - 3600, int(later)) for name in names], version=start, now=time.time()
        )
    wire, plain = len(batch.compressed) / MAX_ENTRIES, len(batch.event) / MAX_ENTRIES
    print(
        f"Taken for granted: {SERVICES:,} processes of services follow, all of one audience (the worst case: each is "
        f"told everything), {PER_MINUTE:,} revocations a minute evenly, {WEB_PROCESSES} web processes share the "
        f"followers, tokens live an hour, {BATCHES_A_SECOND:.1f} rounds a second; measured here: the rest.\n"
        f"alive at any time: {alive:,} revocations; a round has {entries_each} of them in {batches_each} batches\n"
        f"on the wire: {plain:.0f} bytes an entry, {wire:.0f} compressed; {a_second * wire / 1000:,.0f} kB/s to each "
        f"process, {a_second * wire * SERVICES / 1e6:,.0f} MB/s in all, "
        f"{a_second * wire * SERVICES / WEB_PROCESSES / 1e6:,.0f} MB/s from each web process\n"
        f"a web process: {batches_each * BATCHES_A_SECOND * (sign + pack):.2%} of a core to sign and compress, once "
        f"for all; {SERVICES / WEB_PROCESSES * BATCHES_A_SECOND:,.0f} writes a second\n"
        f"a service's process: {a_second / MAX_ENTRIES * (verify + add):.2%} of a core; "
        f"{filled.size_bytes / 1e6:,.0f} MB for {len(filled):,} entries"
    )


def _entry(revoked: Revoked) -> Entry:
    return Entry(revoked.kind.value, revoked.target, int(revoked.at.timestamp()), int(revoked.expires_at.timestamp()))


def _cpu(act: Callable[[], object], times: int = 20) -> float:
    """CPU seconds of one call."""
    began_at = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began_at) / times


def main() -> None:
    """Measure, or calculate."""
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--simulate", action="store_true")
    options = parser.parse_args()
    if options.simulate:
        simulate()
    else:
        grow(options.processes, options.seconds)


if __name__ == "__main__":
    main()
