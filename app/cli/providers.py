"""`providers`: identity providers that people sign in by."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from app.admin.configuration.references import read_text
from app.admin.provider_bodies import ProbeBody, ProviderBody
from app.cli.context import opened
from app.cli.operator import Acting, explained
from app.cli.options import AsJson, DataDir
from app.cli.printing import print_columns, print_done, print_facts, print_json
from app.federation.connector import ConnectorKind, Linking, Policy
from app.federation.providers.definition import Definition, Provider
from app.federation.providers.registration import ProviderChange
from app.foundation.errors import ServiceError
from app.protocols.trace import Trace
from app.roles.change import By
from app.wiring import Services

app = typer.Typer(
    no_args_is_help=True,
    help="Identity providers that people sign in by: Google, Keycloak, any OpenID Connect or SAML.",
)

_T = TypeVar("_T")

ProviderID = Annotated[str, typer.Argument(metavar="ID", help="As `providers list` shows it.", show_default=False)]
Member = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="MEMBER=VALUE", help="A member of its configuration; repeat for more. JSON or text."),
]
SecretFrom = Annotated[
    str | None,
    typer.Option("--secret", metavar="REF", help="Where its secret stands: env:NAME, file:PATH, or -."),
]


def _do(data_dir: Path | None, act: Callable[[Services, By], Awaitable[_T]]) -> _T:
    async def work() -> _T:
        acting = Acting()
        async with opened(data_dir) as services:
            return await act(services, By(actor=acting.actor, origin=acting.origin))

    with explained():
        return asyncio.run(work())


@app.command("list")
def list_providers(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show every identity provider, those of the settings too.

    Example: auth-service providers list --json
    """
    found = _do(data_dir, lambda services, _: services.federation.registration.list())
    if as_json:
        print_json([_values(one) for one in found])
        return
    rows = [
        (
            one.id,
            one.definition.name,
            one.definition.preset or one.definition.kind.value,
            "enabled" if one.definition.is_enabled else "disabled",
            "settings" if one.from_settings else "registry",
            " ".join(one.definition.policy.domains) or "-",
        )
        for one in found
    ]
    print_columns(("PROVIDER", "NAME", "SPEAKS", "STATE", "FROM", "DOMAINS"), rows)


@app.command("presets")
def list_presets(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show the providers that are known by name, and the kind to set each up with.

    Example: auth-service providers presets
    """

    async def act(services: Services, _: By) -> list[tuple[str, str]]:
        return [(name, kind.value) for name, kind in services.federation.connectors.presets]

    found = _do(data_dir, act)
    if as_json:
        print_json([{"preset": name, "kind": kind} for name, kind in found])
    else:
        print_columns(("PRESET", "KIND"), found)


@app.command("show")
def show(provider_id: ProviderID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Show one identity provider, without its secret.

    Example: auth-service providers show corp
    """
    _print_one(_do(data_dir, lambda services, _: services.federation.registration.get(provider_id)), as_json=as_json)


@app.command("create")
def create(
    *,
    provider_id: Annotated[
        str, typer.Argument(metavar="ID", help="Its name in addresses: a-z, 0-9 and -.", show_default=False)
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="What people know it as.", show_default=False)],
    kind: Annotated[ConnectorKind, typer.Option("--kind", help="What it speaks.")] = ConnectorKind.OIDC,
    preset: Annotated[str | None, typer.Option("--preset", metavar="P", help="google, keycloak, entra, …")] = None,
    members: Member = None,
    secret: SecretFrom = None,
    domain: Annotated[
        list[str] | None, typer.Option("--domain", metavar="D", help="A mail domain of its people; repeat for more.")
    ] = None,
    link_verified_email: Annotated[
        bool, typer.Option("--link-verified-email", help="Link to the account of the same address, verified by both.")
    ] = False,
    no_new_users: Annotated[bool, typer.Option("--no-new-users", help="Make no accounts for its people.")] = False,
    hidden: Annotated[bool, typer.Option("--hidden", help="No button on the sign-in page.")] = False,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Let people sign in by another provider, and print the address that it must know.

    Example: auth-service providers create google --name Google --preset google --set client_id=1-a --secret env:G
    """
    policy = Policy(
        creates_users=not no_new_users,
        linking=Linking.VERIFIED_EMAIL if link_verified_email else Linking.NEVER,
        domains=tuple(domain or ()),
        is_shown=not hidden,
    )
    definition = Definition(
        id=provider_id, name=name, kind=kind, preset=preset, config=_config(members or []), policy=policy
    )
    raw_secret = _secret(secret)
    _print_one(
        _do(
            data_dir,
            lambda services, by: services.federation.registration.create(definition, secret=raw_secret, by=by),
        ),
        as_json=as_json,
    )


@app.command("change")
def change(
    *,
    provider_id: ProviderID,
    name: Annotated[str | None, typer.Option("--name", metavar="NAME", help="What people know it as.")] = None,
    members: Member = None,
    secret: SecretFrom = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Change its name, members of its configuration (an empty value takes one away), or its secret.

    Example: auth-service providers change corp --set kc_idp_hint=google --secret file:/run/secrets/corp
    """
    raw_secret, told = _secret(secret), _config(members or [])

    async def act(services: Services, by: By) -> Provider:
        registration = services.federation.registration
        present = dict((await registration.get(provider_id)).definition.config)
        config = {member: value for member, value in (present | told).items() if value != ""}
        wanted = ProviderChange(name=name, config=config if told else None, secret=raw_secret)
        return await registration.change(provider_id, wanted, by=by)

    _print_one(_do(data_dir, act), as_json=as_json)


@app.command("disable")
def disable(provider_id: ProviderID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let nobody sign in by it; sessions go on. `enable` takes that back.

    Example: auth-service providers disable corp
    """
    _print_one(_do(data_dir, _changing(provider_id, ProviderChange(is_enabled=False))), as_json=as_json)


@app.command("enable")
def enable(provider_id: ProviderID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Let people sign in by a disabled provider again.

    Example: auth-service providers enable corp
    """
    _print_one(_do(data_dir, _changing(provider_id, ProviderChange(is_enabled=True))), as_json=as_json)


@app.command("delete")
def delete(
    provider_id: ProviderID,
    keep_links: Annotated[
        bool | None,
        typer.Option("--keep-links/--remove-links", help="What becomes of accounts' links to it.", show_default=False),
    ] = None,
    data_dir: DataDir = None,
    as_json: AsJson = False,
) -> None:
    """Forget a provider and its secret. Where accounts are linked to it, say what becomes of the links.

    Example: auth-service providers delete corp --keep-links
    """

    async def act(services: Services, by: By) -> None:
        removes = None if keep_links is None else not keep_links
        await services.federation.registration.delete(provider_id, removes_links=removes, by=by)

    _do(data_dir, act)
    print_done(f"deleted {provider_id}", {"deleted": provider_id}, as_json=as_json)


@app.command("test")
def probe(provider_id: ProviderID, data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Ask a provider now for all that a sign-in would need; exit status 1 where something fails.

    Example: auth-service providers test corp
    """

    async def act(services: Services, _: By) -> Trace:
        return await services.federation.registration.test(provider_id)

    told = ProbeBody.of(_do(data_dir, act))
    if as_json:
        print_json(told.model_dump())
    else:
        rows = [
            ("ok" if each.passed else "FAULT", each.name, each.expected or "-", each.received or "-")
            for each in told.checks
        ]
        print_columns(("RESULT", "CHECK", "EXPECTED", "RECEIVED"), rows)
    if not told.ok:
        raise ServiceError(told.summary)
    if not as_json:
        print(told.summary)


def _changing(provider_id: str, change: ProviderChange) -> Callable[[Services, By], Awaitable[Provider]]:
    async def act(services: Services, by: By) -> Provider:
        return await services.federation.registration.change(provider_id, change, by=by)

    return act


def _config(members: list[str]) -> dict[str, Any]:
    """The members that were set. What reads as JSON other than a number is JSON, anything else is text."""
    config: dict[str, Any] = {}
    for stated in members:
        member, separator, value = stated.partition("=")
        if not separator or not member:
            raise typer.BadParameter(f"{stated}: MEMBER=VALUE is wanted, such as client_id=auth-service")
        config[member] = _value(value)
    return config


def _value(text: str) -> Any:
    if text in {"true", "false"} or text.startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError:
            raise typer.BadParameter(f"{text[:40]}: this is not JSON") from None
    return text


def _secret(reference: str | None) -> str | None:
    if reference is None:
        return None
    if reference == "-":
        return sys.stdin.readline().strip()
    if not reference.startswith(("env:", "file:")):
        # What stands on a command line is read by everybody on the machine.
        raise typer.BadParameter("--secret takes env:NAME, file:PATH or -, never the secret itself")
    return read_text(reference)


def _values(provider: Provider) -> dict[str, Any]:
    return ProviderBody.of(provider).model_dump(mode="json")


def _print_one(provider: Provider, *, as_json: bool) -> None:
    shown = _values(provider)
    if as_json:
        print_json(shown)
        return
    texts = {
        name: json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
        for name, value in shown.items()
    }
    print_facts(((name, "-" if text is None else text) for name, text in texts.items()), width=14)
