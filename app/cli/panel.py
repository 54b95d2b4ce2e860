"""What `dev` prints when everything runs."""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

# Published on purpose: production refuses to start where these accounts exist.
DEMO_EMAIL, DEMO_PASSWORD = "user@example.com", "Password123!"
ADMIN_EMAIL = "admin@example.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The facts to show: without examples their addresses are None, without demo data the password is."""

    url: str
    orders_url: str | None
    billing_url: str | None
    metrics_url: str
    admin_password: str | None
    data_dir: Path

    def text(self) -> str:
        """The panel: addresses, sign-ins, and three lines to copy into a shell."""
        parts = [self._addresses(), self._sign_ins(), self._lines()]
        closing = f"  data and logs in {self.data_dir} · Ctrl-C stops everything"
        return "\n\n".join(part for part in (*parts, closing) if part)

    def _addresses(self) -> str:
        rows = [
            ("service", self.url),
            ("its API", f"{self.url}/openapi.json"),
            ("its mail", f"{self.url}/dev/mail"),
            ("metrics", self.metrics_url),
        ]
        rows += [(name, url) for name, url in self._examples().items()]
        return "\n".join(f"  {name:<12} {url}" for name, url in rows)

    def _sign_ins(self) -> str:
        if self.admin_password is None:
            return ""
        return f"  user         {DEMO_EMAIL}  {DEMO_PASSWORD}\n  admin        {ADMIN_EMAIL}  {self.admin_password}"

    def _lines(self) -> str:
        if self.orders_url is None or self.billing_url is None or self.admin_password is None:
            return ""
        body = json.dumps({"email": DEMO_EMAIL, "password": DEMO_PASSWORD, "audience": "orders-api"})
        login = f"curl -s {self.url}/auth/login -H 'Content-Type: application/json' -d {shlex.quote(body)}"
        extract = """sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/'"""
        return "\n".join(
            [
                "  Log in for orders-api, call it, and see billing-api refuse the same token:",
                "",
                f"TOKEN=$({login} | {extract})",
                f'curl -s {self.orders_url}/orders -H "Authorization: Bearer $TOKEN"',
                f'curl -si {self.billing_url}/invoices -H "Authorization: Bearer $TOKEN"',
            ]
        )

    def _examples(self) -> dict[str, str]:
        if self.orders_url is None or self.billing_url is None:
            return {}
        return {"orders-api": self.orders_url, "billing-api": self.billing_url}
