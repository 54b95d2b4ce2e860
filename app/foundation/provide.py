"""How a route receives a service: by its type, from what `app.wiring` put on the application."""

from typing import Any, TypeVar

from fastapi import Depends
from starlette.applications import Starlette
from starlette.requests import HTTPConnection

Service = TypeVar("Service")


def install(app: Starlette, *services: object) -> None:
    """Make each service available to routes under its own class."""
    app.state.provided = {type(service): service for service in services}


def provided(app: Starlette, kind: type[Service]) -> Service:
    """The installed service of that class, for endpoints that stand before FastAPI's dependency injection."""
    service: Service = app.state.provided[kind]
    return service


def provide(kind: type[Service]) -> Any:
    """Make the dependency by which a route receives the service of that class."""

    async def dependency(connection: HTTPConnection) -> Service:
        return provided(connection.app, kind)

    return Depends(dependency)
