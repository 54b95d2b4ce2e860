"""`audiences`: the downstream services that tokens are minted for."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated

import typer

from app.audiences.definition import AudienceDefinition
from app.cli import end_everything
from app.cli.context import opened
from app.cli.demand import Demand
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_facts, print_json
from app.protocols.jose.algorithms import Algorithm

app = typer.Typer(no_args_is_help=True, help="The downstream services that tokens are minted for.")

_DEFAULT = "default"

Texts = list[str] | None

Name = Annotated[str, typer.Argument(metavar="NAME", help="What tokens say as `aud`.", show_default=False)]
Seconds = Annotated[
    int | None,
    typer.Option("--access-token-seconds", help="How long its access tokens live, at most 3600.", show_default=False),
]


app.command("end-everything")(end_everything.audience)


@app.command("create")
def create(  # noqa: PLR0917 — typer hands them over by name
    name: Name,
    resource: Annotated[Texts, typer.Option(help="A resource URI (RFC 8707); repeat for more.")] = None,
    scope: Annotated[Texts, typer.Option(help="A scope that every user holds; repeat for more.")] = None,
    scope_permission: Annotated[
        Texts,
        typer.Option(metavar="SCOPE=PERMISSION", help="A scope that only holders of a permission there hold."),
    ] = None,
    algorithm: Annotated[Algorithm | None, typer.Option(help="Signs its tokens.", show_default=False)] = None,
    access_token_seconds: Seconds = None,
    claim: Annotated[Texts, typer.Option(help="A user attribute that its tokens carry; repeat for more.")] = None,
    required_acr: Annotated[
        Demand | None, typer.Option(help="How well users must prove who they are to get a token.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Register a downstream service.

    Example: auth-service audiences create orders-api --scope orders:read
    --scope-permission orders:write=orders:write --claim email
    """
    definition = AudienceDefinition(
        name=name,
        resources=tuple(resource or ()),
        scopes={**dict.fromkeys(scope or ()), **_pairs(scope_permission)},
        signing_algorithm=algorithm,
        access_token_seconds=access_token_seconds,
        claims=tuple(claim or ()),
        required_acr=required_acr.acr if required_acr else None,
    )

    async def work() -> AudienceDefinition:
        acting = Acting()
        async with opened(data_dir) as services:
            return await services.audience_registration.create(definition, actor=acting.actor, origin=acting.origin)

    _print_one(asyncio.run(work()), as_json=as_json)


@app.command("list")
def list_audiences(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every audience.

    Example: auth-service audiences list --json
    """

    async def work() -> list[AudienceDefinition]:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.audiences.list_all(tx)

    found = asyncio.run(work())
    if as_json:
        print_json([definition.as_json() for definition in found])
    else:
        print_columns(
            ("AUDIENCE", "ALGORITHM", "SCOPES"),
            [(item.name, item.signing_algorithm or _DEFAULT, " ".join(item.scopes) or "-") for item in found],
        )


@app.command("show")
def show(name: Name, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one audience.

    Example: auth-service audiences show orders-api
    """

    async def work() -> AudienceDefinition:
        async with opened(data_dir) as services, services.db.transaction() as tx:
            return await services.audiences.show(tx, name)

    with explained():
        _print_one(asyncio.run(work()), as_json=as_json)


@app.command("update")
def update(  # noqa: PLR0917 — typer hands them over by name
    name: Name,
    add_resource: Annotated[Texts, typer.Option(help="A further resource URI.")] = None,
    remove_resource: Annotated[Texts, typer.Option(help="A resource URI that goes.")] = None,
    add_scope: Annotated[Texts, typer.Option(help="A scope that every user holds from now on.")] = None,
    scope_permission: Annotated[
        Texts, typer.Option(metavar="SCOPE=PERMISSION", help="A scope that needs a permission from now on.")
    ] = None,
    remove_scope: Annotated[Texts, typer.Option(help="A scope that goes.")] = None,
    add_claim: Annotated[Texts, typer.Option(help="A further user attribute in tokens.")] = None,
    remove_claim: Annotated[Texts, typer.Option(help="A user attribute that goes.")] = None,
    algorithm: Annotated[
        str | None, typer.Option(help="RS256, ES256 or EdDSA; default for the deployment's.", show_default=False)
    ] = None,
    access_token_seconds: Annotated[
        int | None, typer.Option(help="At most 3600; 0 for the deployment's.", show_default=False)
    ] = None,
    required_acr: Annotated[
        Demand | None, typer.Option(help="How well users must prove who they are to get a token.", show_default=False)
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change what is named and leave the rest. Running services follow within two seconds.

    Example: auth-service audiences update orders-api --add-scope orders:export --algorithm ES256
    """
    scopes = {**dict.fromkeys(add_scope or ()), **_pairs(scope_permission)}
    chosen = _algorithm(algorithm)

    def change(present: AudienceDefinition) -> AudienceDefinition:
        kept = {scope: needed for scope, needed in present.scopes.items() if scope not in (remove_scope or ())}
        return replace(
            present,
            resources=_changed(present.resources, add_resource, remove_resource),
            scopes={**kept, **scopes},
            claims=_changed(present.claims, add_claim, remove_claim),
            signing_algorithm=present.signing_algorithm if algorithm is None else chosen,
            access_token_seconds=(
                present.access_token_seconds if access_token_seconds is None else access_token_seconds or None
            ),
            required_acr=present.required_acr if required_acr is None else required_acr.acr,
        )

    async def work() -> AudienceDefinition:
        acting = Acting()
        async with opened(data_dir) as services:
            return await services.audience_registration.update(name, change, actor=acting.actor, origin=acting.origin)

    with explained():
        _print_one(asyncio.run(work()), as_json=as_json)


def _pairs(texts: Texts) -> Mapping[str, str]:
    split = [text.partition("=") for text in texts or ()]
    if not all(scope and permission for scope, _, permission in split):
        raise typer.BadParameter("write SCOPE=PERMISSION, for example orders:write=orders:write")
    return {scope: permission for scope, _, permission in split}


def _algorithm(text: str | None) -> Algorithm | None:
    if text is None or text == _DEFAULT:
        return None
    try:
        return Algorithm(text)
    except ValueError:
        raise typer.BadParameter(f"one of {', '.join(Algorithm)} or {_DEFAULT}") from None


def _changed(present: tuple[str, ...], added: Texts, removed: Texts) -> tuple[str, ...]:
    return tuple(item for item in (*present, *(added or ())) if item not in (removed or ()))


def _print_one(definition: AudienceDefinition, *, as_json: bool) -> None:
    if as_json:
        print_json(definition.as_json())
        return
    seconds = definition.access_token_seconds
    rows = [
        ("audience", definition.name),
        ("resources", " ".join(definition.resources) or "-"),
        ("algorithm", definition.signing_algorithm or _DEFAULT),
        ("tokens live", f"{seconds} s" if seconds else _DEFAULT),
        ("claims", " ".join(definition.claims) or "-"),
        *([("asks for", definition.required_acr.value)] if definition.required_acr else []),
        *(("scope", f"{scope}, needs {needed}" if needed else scope) for scope, needed in definition.scopes.items()),
    ]
    print_facts(rows, width=12)
