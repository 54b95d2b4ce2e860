"""`dev`: the whole platform in one process tree, for one developer on one machine."""

import signal
import socket
import time
from types import FrameType
from typing import Annotated, NoReturn

import typer

from app.cli.data_folder import DataFolder
from app.cli.development import LOOPBACK, Development
from app.cli.options import DataDir
from app.foundation.engines.errors import EngineError
from app.foundation.engines.instance import reset as reset_engines

app = typer.Typer(add_completion=False)

_WATCH_SECONDS = 0.2


@app.command()
def dev(  # noqa: PLR0917 — typer hands them over by name
    data_dir: DataDir = None,
    port: Annotated[
        int, typer.Option(min=1, max=65533, help="The service's port; the examples take the next two.")
    ] = 8000,
    host: Annotated[str, typer.Option(help="Another address than loopback needs --no-demo.")] = LOOPBACK,
    reset: Annotated[bool, typer.Option("--reset", help="Throw this instance's data away first.")] = False,
    no_demo: Annotated[bool, typer.Option("--no-demo", help="Make no demo users and audiences.")] = False,
    no_examples: Annotated[bool, typer.Option("--no-examples", help="Start the service alone.")] = False,
) -> None:
    """Start Postgres, Valkey, the service and the examples on this machine; Ctrl-C stops them all.

    Data survive a restart. With DATABASE__URL or REDIS__URL set, those servers are used instead.

    Example: auth-service dev --port 8000
    """
    folder = DataFolder(data_dir)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        if reset:
            _reset(folder)
        development = Development(folder, host=host, port=port, demo=not no_demo, examples=not no_examples)
        _refuse_exposed_demo(development)
        _require_free(host, development.ports)
        with development.running():
            _watch(development)
    except KeyboardInterrupt:
        print(f"stopped; the data stay in {folder.path}", flush=True)


def _watch(development: Development) -> NoReturn:
    """Say that we are ready, then look after the tree until something in it ends or somebody ends us."""
    print(f"ready: {development.url}", flush=True)
    development.wait_for_examples()
    print(f"\n{development.panel().text()}\n", flush=True)
    while True:
        development.check()
        time.sleep(_WATCH_SECONDS)


def _reset(folder: DataFolder) -> None:
    reset_engines(folder.path)
    folder.forget()


def _refuse_exposed_demo(development: Development) -> None:
    if development.host != LOOPBACK and development.has_demo:
        raise EngineError(
            f"--host {development.host} would open demo accounts with known passwords to the network.\n"
            "Use --no-demo on an instance that never had demo data (--reset, or another --data-dir)."
        )


def _require_free(host: str, ports: tuple[int, ...]) -> None:
    for port in ports:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                raise EngineError(
                    f"Port {port} on {host} cannot be used: {error.strerror}.\n"
                    f"End the program that uses it, or choose others with --port (it and the next two are needed)."
                ) from error


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    """Begin the shutdown once; whoever presses Ctrl-C again meanwhile must not tear it."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt
