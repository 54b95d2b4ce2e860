"""The page for the builders of apps names the very clients and versions that judge here."""

import json
import re
from importlib.metadata import version

from tests.interop.judge import SCRIPTS
from tools.install import PROJECT

PAGE = PROJECT / "docs" / "clients-that-work.md"
NODE = ("openid-client", "oauth4webapi", "oidc-client-ts", "keycloak-js")


def test_the_page_names_the_versions_of_the_locks():
    locked = json.loads((SCRIPTS / "package-lock.json").read_text())["packages"]
    expected = {name: locked[f"node_modules/{name}"]["version"] for name in NODE}
    expected["authlib"] = version("authlib")
    stated = dict(re.findall(r"^\| ([\w-]+) \| ([\d.]+) \|", PAGE.read_text(), re.MULTILINE))
    assert stated == expected


def test_the_locks_name_every_package_by_its_hash_and_no_address():
    text = (SCRIPTS / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    assert all(package["integrity"].startswith("sha512-") for name, package in packages.items() if name)
    assert "resolved" not in text
