import httpx2
import pytest

from app.wiring import Services
from tests.second_factors.support import Ann
from tests.support import People


@pytest.fixture
async def ann(api: httpx2.AsyncClient, people: People, services: Services) -> Ann:
    return await Ann(api, people, services).signs_up()
