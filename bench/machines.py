"""What benches of programs as callers share: a client of ours, a node peer beside it, and requests by Basic."""

import base64
import contextlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence

from bench.measure import HTTPCase
from bench.node_environment import node_environment
from bench.processes import SERVER_CORE, BenchError, environment, python, running
from bench.run import Run
from bench.service import Service, answers, free_port

FORM = "application/x-www-form-urlencoded"
PEERS_SECRET = "s3cret-of-the-peer"


def register_client(auth: Service, *stated: str) -> tuple[str, str]:
    """A new client as `create-client` makes it of these arguments: its id and its secret. Raises BenchError."""
    made = json.loads(run_command(auth, "create-client", *stated, "--json"))
    return made["client_id"], made["client_secret"]


def run_command(auth: Service, *words: str, given: str | None = None) -> str:
    """What a command of the service's own prints; `given` is its standard input. Raises BenchError."""
    done = subprocess.run(
        python("-m", "app.cli", *words),
        cwd=auth.backend.folder,
        env=environment(auth.backend.settings(auth.port)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        input=given or "",
        preexec_fn=lambda: os.sched_setaffinity(0, range(os.cpu_count() or 1)),
    )
    if done.returncode != 0:
        raise BenchError(f"`{words[0]}` failed: {done.stderr[-500:]}")
    return done.stdout


def start_node(
    stack: contextlib.ExitStack, run: Run, script: str, env: Mapping[str, str] | None = None
) -> tuple[int, int]:
    """A node program among the peers, up to the end of the stack: its process id and port. Raises PeersMissing."""
    made = node_environment()
    port = free_port()
    given = {"PORT": str(port), "NODE_ENV": "production", "SECRET": PEERS_SECRET, **(env or {})}
    command = [made.node, str(made.folder / script)]
    process = stack.enter_context(running(command, core=SERVER_CORE, folder=run.folder, env=given))
    process.wait_until(lambda: answers(f"http://127.0.0.1:{port}/.well-known/openid-configuration"))
    return process.pid, port


def rotation(run: Run, name: str, pid: int, port: int, requests: Sequence[str]) -> HTTPCase:
    """A case that sends these requests in turn."""
    run.load.define(name, "rotation", requests=list(requests))
    return HTTPCase(name=name, load=run.load, traffic=name, pid=pid, port=port, beside=run.backend.postgres_pid)


def post_by_basic(path: str, client: tuple[str, str], kind: str, body: str) -> str:
    """A POST of a client that authenticates by Basic, as it goes over the wire."""
    return f"{post_head_by_basic(path, client, kind)}content-length: {len(body)}\r\n\r\n{body}"


def post_head_by_basic(path: str, client: tuple[str, str], kind: str = FORM) -> str:
    """The head of such a POST, up to its Content-Length."""
    basic = base64.b64encode(":".join(client).encode()).decode()
    head = f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: */*\r\nauthorization: Basic {basic}\r\n"
    return f"{head}content-type: {kind}\r\n"
