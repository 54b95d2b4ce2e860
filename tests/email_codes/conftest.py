import httpx2
import pytest

from app.wiring import Services
from tests.email_codes.support import Mailed
from tests.mailbox import Mailbox


@pytest.fixture
async def mailed(api: httpx2.AsyncClient, services: Services, mailbox: Mailbox) -> Mailed:
    return Mailed(api, services, mailbox)
