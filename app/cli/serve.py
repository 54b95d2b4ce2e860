"""`serve`: the web processes of a deployment."""

import asyncio
import contextlib
import json
import os
import socket
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.data_folder import DataFolder
from app.cli.environment import environment_for, prepare_instance
from app.cli.options import DataDir
from app.cli.servers import own_servers
from app.cli.target import read_settings
from app.cli.workers import Workers
from app.foundation.engines.errors import EngineError
from app.foundation.engines.instance import attach_or_start
from app.foundation.exposition import shared, showing
from app.foundation.open_files import raise_limit
from app.foundation.server import BACKLOG, ServerOptions, import_ahead
from app.foundation.server import serve as run_server
from app.settings import Settings

app = typer.Typer(add_completion=False)

# By name: the supervisor of several processes has no use for it, and it is most of what there is to import.
_APPLICATION = "app.main:create_app"


@app.command()
def serve(  # noqa: PLR0917 — typer hands them over by name
    workers: Annotated[int, typer.Option(min=1, max=256, help="Web processes; more than one needs REDIS__URL.")] = 1,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen on.")] = 8000,
    data_dir: DataDir = None,
    descriptor: Annotated[int | None, typer.Option(hidden=True, help="A listening socket inherited.")] = None,
    environment_from: Annotated[
        int | None, typer.Option(hidden=True, help="A pipe that tells the environment.")
    ] = None,
) -> None:
    """Serve with the settings of the environment. On SIGTERM or Ctrl-C requests in flight are finished first.

    Example: auth-service serve --workers 4 --host 0.0.0.0
    """
    raise_limit()
    with contextlib.ExitStack() as stack:
        if environment_from is not None:
            _hear_environment(environment_from)
        if data_dir is not None:
            _enter_instance(stack, data_dir)
        settings = read_settings(processes=workers)
        options = _options(settings, host, port)
        if descriptor is not None:
            # Without arguments the kernel is asked what kind of socket it is.
            sys.exit(run_server(options, listener=socket.socket(fileno=descriptor)))
        if workers == 1:
            stack.enter_context(showing(settings.metrics.host, settings.metrics.port))
            sys.exit(run_server(options))
        _supervise(stack, settings, options, count=workers)


def _supervise(stack: contextlib.ExitStack, settings: Settings, options: ServerOptions, *, count: int) -> None:
    """Run several processes behind one socket, and show the metrics of all of them."""
    metrics = stack.enter_context(shared(settings.metrics.port))
    if metrics is not None:
        stack.enter_context(showing(settings.metrics.host, settings.metrics.port, metrics.text))
    # The workers read the same settings, and cannot see each other.
    os.environ["LIMITS__PROCESSES"] = str(max(count, settings.limits.processes))
    host, port = options.host, options.port
    command = ["-m", "app.cli", "serve", "--host", host, "--port", str(port), "--descriptor"]
    stop_seconds = options.drain_seconds + options.shutdown_seconds + 10
    with _listener(host, port) as listener:
        Workers(command, listener, count=count, stop_seconds=stop_seconds, metrics=metrics).run()


def _hear_environment(pipe: int) -> None:
    """Wait for the environment in which to serve; everything is imported meanwhile."""
    import_ahead(_APPLICATION)
    with os.fdopen(pipe, "rb") as told:
        text = told.read()
    if not text:
        # Whoever started us gave up, and has said why.
        sys.exit(1)
    os.environ.update(json.loads(text))


def _enter_instance(stack: contextlib.ExitStack, data_dir: Path) -> None:
    """Work on a development instance: join or start its engines, and take its environment."""
    own, folder = own_servers(), DataFolder(data_dir)
    engines = stack.enter_context(attach_or_start(folder.path, database_url=own.database_url, redis_url=own.redis_url))
    os.environ.update(environment_for(engines, asyncio.run(prepare_instance(folder, engines))))


def _options(settings: Settings, host: str, port: int) -> ServerOptions:
    return ServerOptions(
        application=_APPLICATION,
        host=host,
        port=port,
        drain_seconds=settings.http.drain(production=settings.is_production),
        shutdown_seconds=settings.http.shutdown_seconds,
        keep_alive_seconds=settings.http.keep_alive_seconds,
        development=not settings.is_production,
    )


def _listener(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=_family(host), backlog=BACKLOG, reuse_port=False)
    except OSError as error:
        raise EngineError(f"Port {port} on {host} cannot be used: {error.strerror}.") from error


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
