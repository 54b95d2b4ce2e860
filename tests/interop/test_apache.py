"""Apache's mod_auth_openidc, which knows nothing of this service but its issuer."""

import asyncio
import socket
from collections.abc import AsyncIterator
from urllib.parse import quote

import httpx2
import pytest

from tests.interop.apache import Apache, openidc_module
from tests.interop.person import Person
from tests.interop.site import Persons, Site

pytestmark = pytest.mark.anyio

WAIT_SECONDS = 60.0


@pytest.fixture(scope="module")
async def apache(site: Site) -> AsyncIterator[Apache]:
    """Apache, registered as a client of the service."""
    openidc_module()
    with socket.create_server(("127.0.0.1", 0)) as free:
        apache = Apache(free.getsockname()[1])
    made = await site.register(
        name="Apache",
        redirect_uris=(apache.redirect_uri,),
        post_logout_redirect_uris=(apache.goodbye,),
        backchannel_logout_uri=apache.backchannel_logout_uri,
    )
    assert made.raw_secret is not None
    with apache.running(site.url, made.client_id, made.raw_secret):
        yield apache


async def enter(apache: Apache, person: Person) -> httpx2.Response:
    """Go into the private part, by whatever it takes."""
    page = await person.browse(apache.private)
    assert page.status_code == 200, f"{page.status_code} {page.text}\n{apache.log()}"
    assert str(page.url) == apache.private, apache.log()
    return page


async def is_let_in(apache: Apache, person: Person) -> bool:
    """Whether Apache knows who this is, without asking the service."""
    page = await person.http.get(apache.private)
    assert page.status_code in {200, 302}, f"{page.status_code} {page.text}\n{apache.log()}"
    return page.status_code == 200


async def test_apache_signs_in_and_out_again(site: Site, persons: Persons, apache: Apache):
    tess = await persons.sign_up("tess.apache@example.com")
    assert not await is_let_in(apache, tess)
    page = await enter(apache, tess)
    assert page.headers["x-seen-user"] == tess.email
    assert page.headers["x-seen-subject"]
    assert await is_let_in(apache, tess)
    goodbye = await tess.browse(f"{apache.redirect_uri}?logout={quote(apache.goodbye, safe='')}")
    assert str(goodbye.url) == apache.goodbye, apache.log()
    assert goodbye.status_code == 200
    assert not await is_let_in(apache, tess)
    # Nor is anybody signed in at the service: who comes back is asked for the password.
    back = await tess.http.get((await tess.http.get(apache.private)).headers["location"])
    assert back.status_code == 303
    assert back.headers["location"].startswith("/login"), back.headers


async def test_a_session_that_ends_at_the_service_ends_at_apache(site: Site, persons: Persons, apache: Apache):
    tess = await persons.sign_up("tess.elsewhere@example.com")
    await enter(apache, tess)
    elsewhere = {"email": tess.email, "password": tess.password}
    async with httpx2.AsyncClient(base_url=site.url) as phone:
        token = (await phone.post("/auth/login", json=elsewhere)).json()["access_token"]
        ended = await phone.post(
            "/auth/logout", json={"everywhere": True}, headers={"Authorization": f"Bearer {token}"}
        )
        assert ended.status_code == 204, ended.text
    async with asyncio.timeout(WAIT_SECONDS):
        while await is_let_in(apache, tess):
            await asyncio.sleep(0.05)
