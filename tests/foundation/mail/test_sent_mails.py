"""Who may read what was sent."""

import httpx2
import pytest

from app.main import create_app
from app.settings import Environment
from app.wiring import build
from tests.support import ISSUER


@pytest.mark.parametrize("path", ["/dev/mail", "/dev/mail.json"])
async def test_outside_development_there_is_no_mail_to_see(settings, path):
    services = build(settings.model_copy(update={"environment": Environment.PRODUCTION}))
    await services.open()
    try:
        transport = httpx2.ASGITransport(create_app(services=services))
        async with httpx2.AsyncClient(transport=transport, base_url=ISSUER) as stranger:
            answer = await stranger.get(path)
    finally:
        await services.close()
    assert answer.status_code == 404
    assert "Mail sent" not in answer.text
