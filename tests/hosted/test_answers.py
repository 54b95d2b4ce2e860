"""What every answer of the pages has in common: headers, size, and how long it takes."""

import gzip
import logging
import statistics
import time

import pytest

from app.foundation.static import FILES
from app.hosted.begin import ClientShown, SignInRequirements
from tests.hosted.conftest import Surfers
from tests.support import PASSWORD, People

pytestmark = pytest.mark.anyio

_log = logging.getLogger(__name__)
PAGES = ("/", "/login", "/signup", "/password/forgot", "/password/sent", "/login?flow=x", "/nowhere", "/oauth/logout")
MAX_BYTES = 50_000


@pytest.mark.attack("AUT-18")
@pytest.mark.attack("WEB-01")
async def test_no_page_can_be_framed_runs_what_is_foreign_or_tells_others_where_it_was(surfers: Surfers):
    reader = surfers.open()
    client = ClientShown(name="Orders", redirect_origin="https://orders.example.com")
    flow = await surfers.begin(SignInRequirements(client=client))
    for path in (*PAGES, flow):
        headers = (await reader.open(path)).answer.headers
        policy = headers["content-security-policy"]
        assert "unsafe-" not in policy, path
        assert "default-src 'none'" in policy, path
        assert "frame-ancestors 'none'" in policy, path
        assert "base-uri 'none'" in policy, path
        assert "require-trusted-types-for 'script'" in policy, path
        forms = "form-action 'self' https://orders.example.com;" if path == flow else "form-action 'self';"
        assert forms in policy, path
        assert headers["x-frame-options"] == "DENY", path
        assert headers["referrer-policy"] in ("same-origin", "no-referrer"), path
        assert headers["x-content-type-options"] == "nosniff", path


async def test_a_page_with_all_that_it_loads_is_small(surfers: Surfers):
    reader = surfers.open()
    page = await reader.open(await surfers.begin(SignInRequirements(client=ClientShown(name="Orders"))))
    loaded = [file.content for file in FILES.values() if file.path in page.answer.text]
    assert len(loaded) >= 4
    size = sum(len(gzip.compress(content)) for content in (page.answer.content, *loaded))
    _log.info("the sign-in page with its style sheet, icons and scripts: %d bytes compressed", size)
    assert size <= MAX_BYTES


async def test_how_long_pages_take_is_said(surfers: Surfers, people: People):
    await people.sign_up("rosa@example.com")
    reader = surfers.open()
    path = await surfers.begin()
    await reader.open(path)
    await reader.submit("identify", email="rosa@example.com")
    for name in ("/signup", path):
        took = []
        for _ in range(40):
            began = time.perf_counter()
            assert (await reader.open(name)).answer.status_code == 200
            took.append((time.perf_counter() - began) * 1000)
        _log.info("%s: p95 %.1f ms", name.partition("=")[0], statistics.quantiles(took, n=20)[-1])
    await reader.submit("password", password=PASSWORD)
    assert reader.went_to == "/resume?flow=f"
