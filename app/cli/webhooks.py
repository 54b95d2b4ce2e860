"""`webhooks`: other systems that are told of events, and what became of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar
from uuid import UUID

import typer

from app.admin.webhook_bodies import AttemptedDeliveryBody, DeliveryBody, values_of
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_facts, print_json
from app.foundation.errors import ServiceError
from app.webhooks.endpoint import Endpoint, NewSecret
from app.webhooks.service import EndpointChange
from app.wiring import Services

app = typer.Typer(no_args_is_help=True, help="Other systems that are told of events, and what became of it.")

_PAGE = 200
_T = TypeVar("_T")

WebhookID = Annotated[
    UUID, typer.Argument(metavar="WEBHOOK_ID", help="As `webhooks list` shows it.", show_default=False)
]


def _do(data_dir: Path | None, act: Callable[[Services, Acting], Awaitable[_T]]) -> _T:
    async def work() -> _T:
        acting = Acting()
        async with opened(data_dir) as services:
            return await act(services, acting)

    with explained():
        return asyncio.run(work())


@app.command("list")
def list_webhooks(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every webhook.

    Example: auth-service webhooks list --json
    """

    async def act(services: Services, _: Acting) -> list[Endpoint]:
        found: list[Endpoint] = []
        registry = services.webhooks.registry
        while page := await registry.list(limit=_PAGE, after=found[-1].id if found else None):
            found.extend(page)
        return found

    found = _do(data_dir, act)
    if as_json:
        print_json([values_of(endpoint) for endpoint in found])
        return
    rows = [
        (str(each.id), each.url, " ".join(each.event_types), each.state.value, str(each.failures)) for each in found
    ]
    print_columns(("WEBHOOK", "URL", "EVENTS", "STATE", "FAILURES"), rows)


@app.command("create")
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where events are sent, by https.", show_default=False)],
    event: Annotated[
        list[str] | None,
        typer.Option("--event", metavar="TYPE", help="A type of event; repeat for more. Default: all."),
    ] = None,
    description: Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What it is for.")] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Tell a URL of events, and print the secret that signs them, which is shown this once.

    Example: auth-service webhooks create https://hooks.example.com/auth --event user.created --event user.deleted
    """

    async def act(services: Services, acting: Acting) -> NewSecret:
        return await services.webhooks.registry.create(
            url=url,
            event_types=event or ["*"],
            description=description,
            actor=acting.actor,
            origin=acting.origin,
        )

    _print_secret(_do(data_dir, act), as_json=as_json)


@app.command("show")
def show(webhook_id: WebhookID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one webhook and how it fares.

    Example: auth-service webhooks show 0197f3c2-0000-7000-8000-000000000000
    """
    _print_one(_do(data_dir, lambda services, _: services.webhooks.registry.get(webhook_id)), as_json=as_json)


@app.command("disable")
def disable(webhook_id: WebhookID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Tell a webhook nothing more; `enable` takes that back for what happens from then on.

    Example: auth-service webhooks disable 0197f3c2-0000-7000-8000-000000000000
    """
    _print_one(_do(data_dir, _changing(webhook_id, EndpointChange(disabled=True))), as_json=as_json)


@app.command("enable")
def enable(webhook_id: WebhookID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Tell a disabled webhook of events again.

    Example: auth-service webhooks enable 0197f3c2-0000-7000-8000-000000000000
    """
    _print_one(_do(data_dir, _changing(webhook_id, EndpointChange(disabled=False))), as_json=as_json)


@app.command("resume")
def resume(webhook_id: WebhookID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Send to a webhook again that was paused because it failed.

    Example: auth-service webhooks resume 0197f3c2-0000-7000-8000-000000000000
    """

    async def act(services: Services, acting: Acting) -> Endpoint:
        return await services.webhooks.registry.resume(webhook_id, actor=acting.actor, origin=acting.origin)

    _print_one(_do(data_dir, act), as_json=as_json)


@app.command("delete")
def delete(webhook_id: WebhookID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Tell a webhook nothing more, and forget its secrets.

    Example: auth-service webhooks delete 0197f3c2-0000-7000-8000-000000000000
    """

    async def act(services: Services, acting: Acting) -> None:
        await services.webhooks.registry.delete(webhook_id, actor=acting.actor, origin=acting.origin)

    _do(data_dir, act)
    print_done(f"deleted {webhook_id}", {"deleted": str(webhook_id)}, as_json=as_json)


@app.command("rotate-secret")
def rotate_secret(
    webhook_id: WebhookID,
    overlap_seconds: Annotated[
        int,
        typer.Option("--overlap-seconds", metavar="N", min=0, max=604_800, help="How long the former ones sign too."),
    ] = 86_400,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Give a webhook another secret and print it; the former ones sign too until the overlap ends.

    Example: auth-service webhooks rotate-secret 0197f3c2-0000-7000-8000-000000000000 --overlap-seconds 3600
    """

    async def act(services: Services, acting: Acting) -> NewSecret:
        overlap = timedelta(seconds=overlap_seconds)
        return await services.webhooks.registry.rotate_secret(
            webhook_id, overlap=overlap, actor=acting.actor, origin=acting.origin
        )

    _print_secret(_do(data_dir, act), as_json=as_json)


@app.command("test")
def send_test(webhook_id: WebhookID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Send a test event now and show what came of it; exit status 1 where it was not taken.

    Example: auth-service webhooks test 0197f3c2-0000-7000-8000-000000000000
    """
    logged = _do(data_dir, lambda services, _: services.webhooks.log.test(webhook_id))
    if as_json:
        print_json(AttemptedDeliveryBody.showing(logged).model_dump())
    attempt = logged.attempts[0]
    if attempt.failure is not None:
        raise ServiceError(f"It was not taken: {attempt.detail}.")
    if not as_json:
        print(f"taken with {attempt.status} in {attempt.duration_ms} ms")


@app.command("deliveries")
def deliveries(
    webhook_id: WebhookID,
    state: Annotated[
        str | None, typer.Option("--state", metavar="S", help="queued, pending, sending, delivered or dead.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1000, help="How many at most.")] = 50,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Show what a webhook was told and is to be told, the newest first.

    Example: auth-service webhooks deliveries 0197f3c2-0000-7000-8000-000000000000 --state dead
    """
    found = _do(data_dir, lambda services, _: services.webhooks.log.list(webhook_id, limit=limit, state=state))
    shown = [DeliveryBody.of(row) for row in found]
    if as_json:
        print_json([each.model_dump() for each in shown])
        return
    rows = [(each.id, each.event_type, each.state, str(each.attempts), each.created_at) for each in shown]
    print_columns(("DELIVERY", "EVENT", "STATE", "ATTEMPTS", "CREATED"), rows)


@app.command("replay")
def replay(
    webhook_id: WebhookID,
    delivery: Annotated[
        UUID | None, typer.Option("--delivery", metavar="ID", help="This one. Default: all that failed.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option("--since", metavar="TIME", help="Those of events since then, in UTC.")
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Send what failed again, or one delivery, with the same ids and bodies.

    Example: auth-service webhooks replay 0197f3c2-0000-7000-8000-000000000000 --since 2027-01-31
    """

    async def act(services: Services, acting: Acting) -> int:
        log = services.webhooks.log
        if delivery is not None:
            await log.replay(webhook_id, delivery, actor=acting.actor, origin=acting.origin)
            return 1
        begin = (since or datetime(1970, 1, 1)).replace(tzinfo=UTC)  # noqa: DTZ001  # typer reads times without a zone
        return await log.replay_failed(webhook_id, since=begin, actor=acting.actor, origin=acting.origin)

    count = _do(data_dir, act)
    if as_json:
        print_json({"deliveries": count})
    else:
        print(f"{count} to be sent again")


def _changing(webhook_id: UUID, change: EndpointChange) -> Callable[[Services, Acting], Awaitable[Endpoint]]:
    async def act(services: Services, acting: Acting) -> Endpoint:
        return await services.webhooks.registry.update(webhook_id, change, actor=acting.actor, origin=acting.origin)

    return act


def _print_secret(made: NewSecret, *, as_json: bool) -> None:
    if as_json:
        print_json(values_of(made.endpoint) | {"secret": made.raw_secret})
    else:
        print(f"webhook  {made.endpoint.id}\nsecret   {made.raw_secret}")
        print("The secret will not be shown again.")


def _print_one(endpoint: Endpoint, *, as_json: bool) -> None:
    shown = values_of(endpoint)
    if as_json:
        print_json(shown)
        return
    shown |= {"event_types": " ".join(endpoint.event_types)}
    print_facts(((name, "-" if value is None else value) for name, value in shown.items()), width=14)
