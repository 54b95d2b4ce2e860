"""People who sign in by mailed codes, over HTTP."""

from datetime import timedelta
from typing import Any

import httpx2

from app.wiring import Services
from tests.mailbox import Mailbox
from tests.support import People

ANN = "ann@example.com"


class Mailed:
    """Asks for codes, reads them from the mailbox, and answers with them."""

    def __init__(self, api: httpx2.AsyncClient, services: Services, mailbox: Mailbox) -> None:
        self.api, self.services, self.mailbox = api, services, mailbox
        self.people = People(api)

    def wait(self, seconds: int) -> None:
        self.services.clock.offset += timedelta(seconds=seconds)

    async def request(self, email: str = ANN, **options: Any) -> httpx2.Response:
        return await self.api.post("/auth/otp/request", json={"email": email, "purpose": "login"}, **options)

    async def ask(self, email: str = ANN) -> str:
        """A challenge, whose code nobody has read."""
        answer = await self.request(email)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["challenge_id"])

    async def code(self, email: str = ANN) -> str:
        return (await self.mailbox.wait_for(to=email, template="login_code")).code

    async def asked(self, email: str = ANN) -> tuple[str, str]:
        """A challenge and its code."""
        challenge_id = await self.ask(email)
        return challenge_id, await self.code(email)

    async def verify(self, challenge_id: str, code: str, **fields: Any) -> httpx2.Response:
        return await self.api.post("/auth/otp/verify", json={"challenge_id": challenge_id, "code": code, **fields})


def other(code: str, n: int = 1) -> str:
    """Another code than this one."""
    return f"{(int(code) + n) % 1_000_000:06}"


def alike(answer: httpx2.Response, *unlike: str) -> tuple[int, dict[str, Any], dict[str, str]]:
    """What of an answer must be the same for everyone; `unlike` names members that are each answer's own."""
    body = {name: value for name, value in answer.json().items() if name not in {"trace_id", *unlike}}
    own = {"x-trace-id", "ratelimit"}
    return answer.status_code, body, {name: value for name, value in answer.headers.items() if name not in own}
