"""Requests that are no token requests, and clients that prove nothing."""

from urllib.parse import quote

import httpx2
import pytest

from app.protocols.oauth.registration import AuthMethod
from tests.clients.conftest import basic
from tests.oauth.conftest import TOKEN, Machine, MakeClient, refused
from tests.support import Events

pytestmark = pytest.mark.anyio

FORM = "application/x-www-form-urlencoded"


@pytest.mark.attack("TOK-15")
@pytest.mark.attack("TOK-16")
@pytest.mark.spec("RFC 6749 §3.2")
async def test_only_one_form_by_post_is_a_token_request(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient
) -> None:
    made = await make_client()
    auth = (made.client_id, made.raw_secret or "")
    form = "grant_type=client_credentials"
    answer = await api.get(f"{TOKEN}?{form}", auth=auth)
    refused(answer, 405, "invalid_request")
    assert answer.headers["allow"] == "POST"
    for content, kind, status in (
        ('{"grant_type":"client_credentials"}', "application/json", 415),
        (form, "text/plain", 415),
        (form, "multipart/form-data; boundary=x", 415),
        (form, None, 415),
        (f"{form}&{form}", FORM, 400),
        (f"{form}&scope=a&scope=b", FORM, 400),
        (f"{form}&audience=a&audience=b", FORM, 400),
        (f"{form}&scope=%00", FORM, 400),
        (f"{form}&scope=%FF", FORM, 400),
        ("", FORM, 400),
        ("scope=orders:read", FORM, 400),
        ("grant_type=", FORM, 400),
    ):
        headers = {} if kind is None else {"Content-Type": kind}
        refused(await api.post(TOKEN, content=content, headers=headers, auth=auth), status, "invalid_request")
    # Nothing of the address counts, and fields that nobody knows are passed over.
    refused(
        await api.post(f"{TOKEN}?{form}", content="", headers={"Content-Type": FORM}, auth=auth), 400, "invalid_request"
    )
    assert (await machine.ask(made, nonsense="1")).status_code == 200


@pytest.mark.attack("TOK-12")
@pytest.mark.spec("RFC 6749 §5.2")
async def test_a_grant_type_that_nobody_gets_is_unsupported(make_client: MakeClient, machine: Machine) -> None:
    made = await make_client()
    for name in ("password", "implicit", "Client_Credentials", "urn:x"):
        refused(await machine.ask(made, grant_type=name, username="ann", password="x"), 400, "unsupported_grant_type")
    refused(await machine.ask(grant_type="password", username="ann", password="x"), 400, "unsupported_grant_type")


@pytest.mark.attack("TOK-08")
@pytest.mark.spec("RFC 6749 §5.2")
async def test_a_client_that_does_not_prove_itself_gets_nothing(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient, events: Events
) -> None:
    made, other = await make_client(), await make_client()
    form = {"grant_type": "client_credentials"}
    for authorization in (
        basic(made.client_id, ""),
        basic(made.client_id, "wrong"),
        basic(made.client_id, other.raw_secret),
        basic("c_" + "0" * 22, made.raw_secret),
        basic("", ""),
        f"Bearer {made.raw_secret}",
        "Basic %%%",
        "Basic",
    ):
        refused(await api.post(TOKEN, data=form, headers={"Authorization": authorization}), 401, "invalid_client")
    refused(await api.post(TOKEN, data=form), 401, "invalid_client")
    refused(await machine.ask(client_id=made.client_id), 401, "invalid_client")
    assert [entry["subject"] for entry in await events.of("client.refused")] == [made.client_id] * 4
    assert await events.of("client.token_issued") == []


@pytest.mark.attack("TOK-09")
@pytest.mark.spec("RFC 6749 §2.3.1")
async def test_encoded_credentials_count_exactly_when_they_are_right(
    make_client: MakeClient, api: httpx2.AsyncClient
) -> None:
    made = await make_client()
    form = {"grant_type": "client_credentials"}
    every = "".join(f"%{byte:02X}" for byte in (made.raw_secret or "").encode())
    good = {"Authorization": basic(quote(made.client_id), every)}
    assert (await api.post(TOKEN, data=form, headers=good)).status_code == 200
    for wrong in (every[:-3], every + "%20", every + ":", "ä" + every, every.replace("%", "%25"), "%C3%28", "a:b", "é"):
        headers = {"Authorization": basic(made.client_id, wrong)}
        refused(await api.post(TOKEN, data=form, headers=headers), 401, "invalid_client")


async def test_a_client_uses_the_one_method_that_it_is_registered_with(
    make_client: MakeClient, machine: Machine
) -> None:
    by_post = await make_client(auth_method=AuthMethod.POST)
    secret = {"client_id": by_post.client_id, "client_secret": by_post.raw_secret}
    assert (await machine.ask(**secret)).status_code == 200
    refused(await machine.ask(by_post), 401, "invalid_client")
    by_basic = await make_client()
    in_form = {"client_id": by_basic.client_id, "client_secret": by_basic.raw_secret}
    refused(await machine.ask(**in_form), 401, "invalid_client")
    assert (await machine.ask(by_basic, client_id=by_basic.client_id)).status_code == 200


@pytest.mark.spec("RFC 6749 §2.3")
async def test_two_methods_or_two_names_are_refused(
    make_client: MakeClient, machine: Machine, api: httpx2.AsyncClient
) -> None:
    made, other = await make_client(), await make_client()
    refused(await machine.ask(made, client_secret=made.raw_secret), 400, "invalid_request")
    refused(await machine.ask(made, client_id=other.client_id), 400, "invalid_request")
    header = ("Authorization", basic(made.client_id, made.raw_secret))
    answer = await api.post(TOKEN, data={"grant_type": "client_credentials"}, headers=[header, header])
    refused(answer, 400, "invalid_request")
