import asyncio
from pathlib import Path

import pytest

from app.admin.configuration.difference import Action, Change
from app.admin.configuration.errors import AmbiguousName, InvalidConfiguration
from app.admin.configuration.kind import Acting
from app.admin.configuration.reading import read_document
from app.admin.configuration.writing import as_yaml
from app.audiences.errors import AudienceNotFound
from app.clients.rules import ClientDefinition
from app.wiring import Services
from tests.administrators import BY
from tests.support import Events

pytestmark = pytest.mark.anyio

ACTING = Acting(**BY)
FILE = """
version: 1
audiences:
  reports-api:
    scopes: {reports:read: null, reports:write: reports:write}
    access_token_seconds: 300
roles:
  reporter:
    permissions: {reports-api: [reports:write], orders-api: [orders:write]}
    required_acr: aal2
groups:
  staff:
    description: everybody
    roles: [{role: reporter, audience: reports-api}]
clients:
  reports:
    audience: reports-api
    scopes: [introspection]
webhooks:
  https://93.184.216.34/hook:
    event_types: [user.created]
    description: tells the reports
"""


async def apply(services: Services, text: str, *, dry_run: bool = False, prune: bool = False) -> list[Change]:
    document = read_document(text.encode())
    return await services.configuration.apply(document, dry_run=dry_run, prune=prune, acting=ACTING)


def said(changes: list[Change]) -> list[str]:
    return [line for change in changes for line in change.lines()]


async def exported(services: Services) -> str:
    return as_yaml((await services.configuration.export()).document)


async def test_a_file_is_brought_about_and_a_second_time_changes_nothing(services: Services, events: Events):
    changes = await apply(services, FILE)
    assert said(changes) == [
        "+ audience reports-api",
        "+ role reporter",
        "+ group staff",
        "+ client reports",
        "+ webhook https://93.184.216.34/hook",
    ]
    (entry,) = await events.of("configuration.applied")
    assert entry["details"] == {"created": 5, "updated": 0, "deleted": 0}
    assert entry["actor_kind"] == "operator"
    assert await apply(services, FILE) == []
    assert len(await events.of("configuration.applied")) == 1


async def test_what_is_exported_applies_without_change(services: Services):
    await apply(services, FILE)
    text = await exported(services)
    assert "orders-api" in text
    assert await apply(services, text, prune=True) == []


async def test_a_dry_run_tells_what_would_change_and_changes_nothing(services: Services, events: Events):
    before = await exported(services)
    changes = await apply(services, FILE, dry_run=True)
    assert [change.action for change in changes] == [Action.CREATE] * 5
    assert await exported(services) == before
    assert await events.of("configuration.applied", "client.created", "webhook.created") == []


async def test_a_difference_is_told_part_by_part(services: Services):
    await apply(services, FILE)
    changed = (
        FILE.replace("[orders:write]", "[orders:refund]")
        .replace("everybody", "nobody")
        .replace("300", "600")
        .replace("aal2", "phr")
    )
    assert said(await apply(services, changed, dry_run=True)) == [
        "~ audience reports-api",
        "    access_token_seconds: 300 -> 600",
        "~ role reporter",
        "    permissions.orders-api: -orders:write +orders:refund",
        "    required_acr: aal2 -> phr",
        "~ group staff",
        "    description: everybody -> nobody",
    ]
    await apply(services, changed)
    assert await apply(services, changed) == []


async def test_a_file_that_is_refused_halfway_changes_nothing(services: Services):
    before = await exported(services)
    with pytest.raises(AudienceNotFound):
        await apply(services, FILE.replace("orders-api: [orders:write]", "nowhere: [orders:write]"))
    assert await exported(services) == before


async def test_only_what_a_configuration_has_made_is_pruned_and_only_when_asked(services: Services):
    async with services.db.transaction() as tx:
        await services.role_registration.create(tx, "by-hand", **BY)
    await apply(services, FILE)
    empty = "version: 1\nroles: {}\ngroups: {}\nclients: {}\nwebhooks: {}"
    left = await apply(services, empty)
    assert [change.action for change in left] == [Action.LEAVE] * 4
    assert not any(change.changes_something for change in left)
    removed = await apply(services, empty, prune=True)
    assert said(removed) == [
        "- webhook https://93.184.216.34/hook",
        "- client reports",
        "- group staff",
        "- role reporter",
    ]
    assert await apply(services, empty, prune=True) == []
    text = await exported(services)
    assert "by-hand" in text
    assert "93.184.216.34" not in text
    assert "reports-api" in text, "a part that the file does not have is left alone"


async def test_a_client_gets_the_secret_that_is_referred_to_and_keeps_it(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    place = tmp_path / "secret"
    place.write_text("s" * 43 + "\n")
    with_file = FILE.replace("scopes: [introspection]", f"scopes: [introspection]\n    secret: file:{place}")
    await apply(services, with_file)
    assert await apply(services, with_file) == []
    assert "secret" not in await exported(services)
    monkeypatch.setenv("REPORTS_SECRET", "t" * 43)
    with_env = with_file.replace(f"file:{place}", "env:REPORTS_SECRET")
    assert said(await apply(services, with_env)) == ["~ client reports", "    secret: the one of env:REPORTS_SECRET"]
    assert await apply(services, with_env) == []


@pytest.mark.parametrize("secret", ["", "short", "s" * 600, "ä" * 40, "s" * 20 + "\n" + "s" * 20])
async def test_a_secret_that_is_missing_or_weak_is_refused_and_not_shown(
    services: Services, tmp_path: Path, secret: str
):
    place = tmp_path / "secret"
    if secret:
        place.write_text(secret)
    with pytest.raises(InvalidConfiguration) as refused:
        await apply(services, FILE.replace("scopes: [introspection]", f"secret: file:{place}"))
    assert secret == "" or secret not in str(refused.value)


async def test_a_name_that_two_have_is_left_out_and_refused(services: Services):
    async with services.db.transaction() as tx:
        for _ in range(2):
            await services.clients.create(tx, ClientDefinition(name="reports"), **BY)
    assert (await services.configuration.export()).left_out == ("client reports",)
    with pytest.raises(AmbiguousName):
        await apply(services, FILE)


async def test_of_several_at_once_one_makes_and_the_others_find_it_made(services: Services, events: Events):
    results = await asyncio.gather(*(asyncio.create_task(apply(services, FILE)) for _ in range(4)))
    assert sorted(len(changes) for changes in results) == [0, 0, 0, 5]
    assert len(await events.of("configuration.applied")) == 1


PROVIDERS = """
version: 1
identity_providers:
  corp:
    name: Corp
    preset: keycloak
    config: {realm_url: https://sso.corp.example/realms/main, client_id: auth-service}
    policy:
      linking: verified_email
      domains: [Corp.Example]
      rules: [{claim: realm_access.roles, value: staff, roles: [{role: admin, audience: orders-api}]}]
"""


async def test_identity_providers_are_brought_about_without_their_secrets(
    services: Services, tmp_path: Path, events: Events
):
    place = tmp_path / "corp"
    place.write_text("short\n")
    text = PROVIDERS.replace("    preset", f"    secret: file:{place}\n    preset")
    assert said(await apply(services, text)) == ["+ identity provider corp"]
    assert await apply(services, text) == []
    assert (await services.federation.providers.get(None, "corp")).secret == "short"
    exported_text = await exported(services)
    assert "sso.corp.example" in exported_text
    assert "short" not in exported_text
    assert await apply(services, exported_text) == []
    place.write_text("another")
    assert said(await apply(services, text, dry_run=True)) == [
        "~ identity provider corp",
        f"    secret: the one of file:{place}",
    ]
    assert (await services.federation.providers.get(None, "corp")).secret == "short"
    changed = PROVIDERS.replace("staff", "leads").replace("name: Corp", "name: Corporation\n    disabled: true")
    parts = said(await apply(services, changed))
    assert parts[:2] == ["~ identity provider corp", "    disabled: False -> True"]
    assert await services.federation.registration.get("corp")
    with pytest.raises(InvalidConfiguration, match="another kind or preset needs another id"):
        await apply(services, changed.replace("    preset: keycloak\n", ""))
    assert said(await apply(services, "version: 1\nidentity_providers: {}", prune=True)) == ["- identity provider corp"]
    told = [entry["type"] for entry in await events.of("identity_provider.created", "identity_provider.deleted")]
    assert told == ["identity_provider.created", "identity_provider.deleted"]


WHOLE = """
version: 1
audiences:
  whole-api:
    resources: [https://whole.example.com/a]
    scopes: {whole:read: null, whole:write: whole:write}
    signing_algorithm: ES256
    access_token_seconds: 120
    claims: [email, tier]
    required_acr: phr
roles:
  whole-keeper:
    permissions: {whole-api: [whole:write], self: ["admin:users:read"]}
    required_acr: aal2
groups:
  whole-staff:
    description: "* & : # 'quoted' \\u6771\\u4EAC"
    roles: [{role: whole-keeper, audience: whole-api}, {role: whole-keeper}]
clients:
  whole page:
    grant_types: [authorization_code, refresh_token]
    redirect_uris: ["https://client.example.com/callback"]
    token_endpoint_auth_method: none
    targets: {whole-api: null}
    post_logout_redirect_uris: ["https://client.example.com/bye"]
    allowed_origins: ["https://client.example.com"]
    application_type: web
    client_uri: https://client.example.com/
    policy_uri: https://client.example.com/policy
    tos_uri: https://client.example.com/terms
    initiate_login_uri: https://client.example.com/start
    consent_required: false
    default_max_age: 600
    id_token_signed_response_alg: ES256
    claim_mappings: {department: user.attributes.department}
  whole robot:
    grant_types: [client_credentials]
    token_endpoint_auth_method: private_key_jwt
    targets: {whole-api: ["whole:read", "whole:write"]}
    jwks:
      keys: [{kty: OKP, crv: Ed25519, x: 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo, kid: one, alg: EdDSA, use: sig}]
    disabled: true
  whole service:
    audience: whole-api
    scopes: [introspection, "revocations:read"]
webhooks:
  https://93.184.216.34/whole:
    event_types: [user.created, session.revoked]
    description: tells
    disabled: true
identity_providers:
  whole-corp:
    name: Corp
    kind: oidc
    config: {issuer: "https://id.example.com", client_id: auth, scopes: [openid, email]}
    policy: {linking: verified_email, domains: [corp.example.com], creates_users: false, shown: false}
    disabled: true
    secret: env:WHOLE_SECRET
"""


async def test_what_one_deployment_exports_is_brought_about_whole_in_another(
    services: Services, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WHOLE_SECRET", "a secret of the provider")
    await apply(services, WHOLE)
    text = await exported(services)
    assert "a secret of the provider" not in text
    # Nothing that the first has is left, but the audience, which is never removed, as bare as it can be.
    parts = ("roles", "groups", "clients", "webhooks", "identity_providers")
    bare = "".join(f"{part}: {{}}\n" for part in parts)
    gone = await apply(services, f"version: 1\naudiences: {{whole-api: {{}}}}\n{bare}", prune=True)
    assert {change.kind for change in gone if change.action is Action.DELETE} >= {"role", "group", "client", "webhook"}
    assert [line for line in (await exported(services)).split("\n") if "whole" in line] == ["  whole-api: {}"]
    changes = await apply(services, text)
    assert {change.action for change in changes} == {Action.CREATE, Action.UPDATE}
    assert await exported(services) == text
    assert await apply(services, text, prune=True) == []
