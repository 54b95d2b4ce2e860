"""People with second factors, over HTTP."""

from datetime import timedelta
from typing import Any

import httpx2
import pyotp

from app.wiring import Services
from tests.authenticator import Authenticator
from tests.support import PASSWORD, People, bearer, problem

ANN = {"email": "ann@example.com", "password": PASSWORD}


class Ann:
    """Ann, who signs up and adds factors. Her app's clock is the service's."""

    def __init__(self, api: httpx2.AsyncClient, people: People, services: Services) -> None:
        self.api, self.people, self.services = api, people, services
        self.tokens: dict[str, Any] = {}
        self.secret = ""
        self.recovery_codes: list[str] = []

    def code(self, *, steps: int = 0) -> str:
        """The code that her app shows now, or some steps away from it."""
        at = self.services.clock.now() + timedelta(seconds=30 * steps)
        return pyotp.TOTP(self.secret).at(at)

    def wait(self, seconds: int) -> None:
        self.services.clock.offset += timedelta(seconds=seconds)

    async def signs_up(self) -> "Ann":
        self.tokens = await self.people.signed_in()
        return self

    async def enrols_totp(self) -> "Ann":
        made = await self.api.post("/auth/mfa/totp", headers=bearer(self.tokens))
        assert made.status_code == 201, made.text
        self.secret = made.json()["secret"]
        answer = await self.api.post("/auth/mfa/totp/confirm", headers=bearer(self.tokens), json={"code": self.code()})
        assert answer.status_code == 200, answer.text
        self.recovery_codes = answer.json()["recovery_codes"] or self.recovery_codes
        # The step that confirmed is spent.
        self.wait(30)
        return self

    async def adds(self, authenticator: Authenticator, **fields: Any) -> dict[str, Any]:
        options = await self.api.post("/auth/mfa/passkeys", headers=bearer(self.tokens))
        assert options.status_code == 201, options.text
        body = {"credential": authenticator.create(options.json()["publicKey"]), **fields}
        answer = await self.api.post("/auth/mfa/passkeys/confirm", headers=bearer(self.tokens), json=body)
        assert answer.status_code == 201, answer.text
        self.recovery_codes = answer.json()["recovery_codes"] or self.recovery_codes
        return answer.json()

    async def asked(self, **fields: Any) -> dict[str, Any]:
        """The refusal that asks for the next step."""
        return problem(await self.api.post("/auth/login", json={**ANN, **fields}), 403, "mfa_required")

    async def verifies(self, mfa_token: str, factor: str = "totp", **proof: Any) -> httpx2.Response:
        body = {"mfa_token": mfa_token, "factor": factor, **proof}
        return await self.api.post("/auth/mfa/verify", json=body)

    async def signs_in(self, **fields: Any) -> dict[str, Any]:
        """Password and code; each needs a step of its own."""
        asked = await self.asked(**fields)
        answer = await self.verifies(asked["mfa_token"], code=self.code())
        assert answer.status_code == 200, answer.text
        self.wait(30)
        self.tokens = answer.json()
        return self.tokens

    async def shown(self, mfa_token: str) -> dict[str, Any]:
        """What a passkey is asked in a sign-in's second step."""
        answer = await self.api.post("/auth/mfa/challenge", json={"mfa_token": mfa_token, "factor": "passkey"})
        assert answer.status_code == 200, answer.text
        return answer.json()["publicKey"]
