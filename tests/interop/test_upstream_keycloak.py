"""A real Keycloak as the provider that our people come from."""

import asyncio
import json
from dataclasses import dataclass, replace

import pytest

from app.federation.connector import Asked, Connection, ConnectorKind, FederatedIdentity, Policy, Rule
from app.federation.oidc.client_key import published_keys, read_client_keys
from app.federation.providers.mapping import map_claims
from app.protocols.trace import Trace
from tests.federation.oidc.client_keys import new_private_key, pem
from tests.federation.oidc.relying_party import CALLBACK, RelyingParty, relying_party
from tests.interop.upstream import ForeignBrowser, told
from tools.keycloak.admin import Admin

pytestmark = pytest.mark.anyio

REALM = "upstream"
SECRET = "of/our+client:there"
PASSWORD = "a long password"
RULES = (Rule(claim="realm_access.roles", value="clerk", groups=("clerks",)),)
ROLES_IN_ID_TOKEN = {
    "name": "realm roles",
    "protocol": "openid-connect",
    "protocolMapper": "oidc-usermodel-realm-role-mapper",
    "config": {
        "claim.name": "realm_access.roles",
        "jsonType.label": "String",
        "multivalued": "true",
        "id.token.claim": "true",
    },
}


@dataclass
class Staff:
    """The realm with one person, who is a clerk."""

    rp: RelyingParty
    admin: Admin
    connection: Connection
    person: str

    async def sign_in(self) -> FederatedIdentity:
        departure = await self.rp.connector.begin(self.connection, Asked(state="f_1", max_age=300))
        async with ForeignBrowser(CALLBACK, {"username": "paula", "password": PASSWORD}) as browser:
            answer = await browser.visit(departure.url)
        assert answer["iss"] == self.admin.keycloak.issuer(REALM)
        self.rp.trace = Trace()
        return await self.rp.connector.complete(self.connection, departure.kept, answer, self.rp.trace)


async def test_people_of_a_keycloak_sign_in_through_rotated_keys_until_it_says_they_are_gone(keycloak_admin: Admin):
    async with told() as (logout_uri, received), relying_party() as rp:
        staff = await staff_of(keycloak_admin, rp, logout_uri)
        try:
            await is_explained_when_set_up_wrongly(staff)
            await has_roles_by_rules(staff)
            await outlives_rotated_keys(staff)
            await knows_us_by_our_keys(staff)
            await keycloak_admin.sign_out(REALM, staff.person)
            identity = await staff.sign_in()
            await keycloak_admin.sign_out(REALM, staff.person)
            # After what it said of earlier sessions comes this one's end.
            sessions: set[str | None] = set()
            async with asyncio.timeout(60):
                while identity.session not in sessions:
                    logout = await rp.connector.logged_out(staff.connection, await received.get())
                    assert (logout.issuer, logout.subject) == (identity.issuer, staff.person)
                    sessions.add(logout.session)
        finally:
            await keycloak_admin.remove_realm(REALM)


async def staff_of(admin: Admin, rp: RelyingParty, logout_uri: str) -> Staff:
    realm_url = await admin.import_realm({"realm": REALM, "enabled": True})
    person = await admin.make_user(REALM, "paula", PASSWORD)
    await admin.make_role(REALM, "clerk")
    await admin.give_role(REALM, person, "clerk")
    await admin.make_client(
        REALM,
        clientId="auth-service",
        secret=SECRET,
        redirectUris=[CALLBACK],
        protocolMappers=[ROLES_IN_ID_TOKEN],
        attributes={
            "pkce.code.challenge.method": "S256",
            "backchannel.logout.url": logout_uri,
            "backchannel.logout.session.required": "true",
        },
    )
    connection = Connection(
        id="corp",
        name="Corp",
        kind=ConnectorKind.OIDC,
        preset="keycloak",
        config={"realm_url": realm_url, "client_id": "auth-service", "kc_idp_hint": "none-of-that-name"},
        secret=SECRET,
        policy=Policy(rules=RULES),
        version=1,
        callback_url=CALLBACK,
    )
    return Staff(rp, admin, connection, person)


async def is_explained_when_set_up_wrongly(staff: Staff) -> None:
    assert (await staff.rp.connector.test(staff.connection)).failed is None
    await staff.admin.change_client(REALM, "auth-service", secret="another")
    failed = (await staff.rp.connector.test(staff.connection)).failed
    assert failed is not None
    assert (failed.name, "client id or the client secret" in str(failed.received)) == ("client", True)
    await staff.admin.change_client(REALM, "auth-service", secret=SECRET)


async def knows_us_by_our_keys(staff: Staff) -> None:
    """By the keys in the client's settings there, as its console takes them."""
    keys = {alg: pem(new_private_key(alg)) for alg in ("ES256", "PS256", "EdDSA")}
    for alg, own in keys.items():
        client_id = f"by-{alg}"
        published = published_keys(read_client_keys(own), chosen=alg)
        await staff.admin.make_client(
            REALM,
            clientId=client_id,
            clientAuthenticatorType="client-jwt",
            redirectUris=[CALLBACK],
            attributes={
                "pkce.code.challenge.method": "S256",
                "use.jwks.string": "true",
                "jwks.string": json.dumps({"keys": published}),
            },
        )
        config = {**staff.connection.config, "client_id": client_id, "token_endpoint_auth_signing_alg": alg}
        keyed = replace(staff, connection=replace(staff.connection, config=config, secret=own))
        assert (await staff.rp.connector.test(keyed.connection)).failed is None, alg
        assert (await keyed.sign_in()).subject == staff.person, alg


async def has_roles_by_rules(staff: Staff) -> None:
    identity = await staff.sign_in()
    assert (identity.issuer, identity.subject) == (staff.admin.keycloak.issuer(REALM), staff.person)
    assert (identity.email, identity.email_verified, identity.name) == ("paula@example.com", True, "Paula Test")
    assert identity.authenticated_at is not None
    assert "userinfo" not in {check.name for check in staff.rp.trace.checks}
    assert map_claims(identity.claims, RULES).groups == {"clerks"}
    await staff.admin.take_role(REALM, staff.person, "clerk")
    assert map_claims((await staff.sign_in()).claims, RULES).groups == frozenset()


async def outlives_rotated_keys(staff: Staff) -> None:
    """A new key is found by its name, and so when the former ones are gone at once."""
    for drop_former in (False, True):
        staff.rp.later(61)
        await staff.admin.rotate_keys(REALM, drop_former=drop_former)
        assert (await staff.sign_in()).subject == staff.person
