"""A browser on one of our own pages, as a test drives it."""

from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.support import PASSWORD


class Browser:
    """Keeps cookies, and sends what a page of `origin` would."""

    def __init__(self, client: httpx2.AsyncClient, origin: str) -> None:
        self.client = client
        self.origin = origin
        self.prefix = "__Host-" if origin.startswith("https:") else ""

    async def sign_in(self, **fields: object) -> httpx2.Response:
        body = {"email": "ann@example.com", "password": PASSWORD, **fields}
        answer = await self.client.post("/auth/login?transport=cookie", json=body, headers={"Origin": self.origin})
        assert answer.status_code == 200, answer.text
        return answer

    async def csrf(self) -> str:
        answer = await self.client.get("/auth/csrf")
        assert answer.status_code == 200, answer.text
        return str(answer.json()["csrf_token"])

    async def proofs(self) -> dict[str, str]:
        return {"Origin": self.origin, "X-CSRF-Token": await self.csrf()}

    async def send(self, method: str, path: str, **options: Any) -> httpx2.Response:
        """An unsafe request as our own page sends it."""
        return await self.client.request(method, path, headers=await self.proofs(), **options)

    async def is_signed_in(self) -> bool:
        return (await self.client.get("/auth/me")).status_code == 200

    def cookie(self, name: str) -> str | None:
        return self.client.cookies.get(self.prefix + name)

    def put(self, name: str, value: str) -> None:
        """Replace a cookie, as someone who holds an old value would."""
        self.client.cookies.clear()
        self.add(name, value)

    def add(self, name: str, value: str) -> None:
        host = str(urlsplit(self.origin).hostname)
        # As the jar of http.cookiejar names a host without a dot.
        domain = host if "." in host else f"{host}.local"
        self.client.cookies.set(self.prefix + name, value, domain=domain)
