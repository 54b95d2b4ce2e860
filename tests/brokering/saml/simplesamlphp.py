"""SimpleSAMLphp as a provider: its own code under PHP's own server, with a folder of ours for what it is told."""

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path

import httpx2
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.federation.saml.idp import Keys
from tests.system import folder, program

INSTALLED = "/usr/share/simplesamlphp"
_CONFIG = """<?php
$config = [
  'baseurlpath' => '{base}/', 'certdir' => '{folder}/cert/', 'loggingdir' => '{folder}/', 'datadir' => '{folder}/',
  'tempdir' => '{folder}/tmp', 'metadatadir' => '{folder}/metadata/', 'secretsalt' => 'a salt of a test',
  'auth.adminpassword' => 'unused in a test', 'technicalcontact_name' => 'T',
  'technicalcontact_email' => 't@example.org',
  'timezone' => 'UTC', 'logging.handler' => 'errorlog', 'logging.level' => 4, 'showerrors' => true, 'debug' => [],
  'enable.saml20-idp' => true, 'module.enable' => ['exampleauth' => true, 'core' => true, 'saml' => true],
  'session.cookie.secure' => false, 'session.phpsession.savepath' => '{folder}/sessions', 'store.type' => 'phpsession',
  'session.phpsession.cookiename' => 'SimpleSAML', 'session.phpsession.httponly' => true,
  'admin.checkforupdates' => false,
  'metadata.sources' => [['type' => 'flatfile', 'directory' => '{folder}/metadata']],
  'language.default' => 'en', 'language.available' => ['en'], 'theme.use' => 'default', 'errorreporting' => false,
];
"""
_SOURCES = """<?php
$config = ['admin' => ['core:AdminPassword'], 'people' => ['exampleauth:UserPass',
  'ann:secret' => ['uid' => ['ann'], 'mail' => ['ann@corp.example'], 'groups' => ['staff', 'admins']]]];
"""
_HOSTED = """<?php
$metadata['{base}/saml2/idp/metadata.php'] = [
  'host' => '__DEFAULT__', 'privatekey' => 'key.pem', 'certificate' => 'cert.pem', 'auth' => 'people',
  'signature.algorithm' => 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256', 'validate.authnrequest' => true,
  'sign.logout' => true, 'validate.logout' => true,
  'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'authproc' => [3 => ['class' => 'saml:AttributeNameID', 'attribute' => 'uid',
    'Format' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent']],
];
"""
_REMOTE = """<?php
$metadata['{entity_id}'] = [
  'AssertionConsumerService' => '{acs}', 'SingleLogoutService' => '{slo}', 'certData' => '{certificate}',
  'NameIDFormat' => 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  'assertion.encryption' => {encrypts},
];
"""


class SimpleSAMLphp:
    """A running one. `url` is where it is."""

    def __init__(self, path: Path, url: str) -> None:
        self._path = path
        self.url = url

    def trust(self, *, entity_id: str, certificate: str, encrypts: bool = False) -> None:
        """Make a service provider known to it."""
        below = entity_id.removesuffix("/metadata")
        told = _REMOTE.format(
            entity_id=entity_id,
            acs=f"{below}/acs",
            slo=f"{below}/slo",
            certificate=certificate,
            encrypts="true" if encrypts else "false",
        )
        (self._path / "metadata" / "saml20-sp-remote.php").write_text(told)

    @staticmethod
    async def sign_in(browser: httpx2.AsyncClient, url: str) -> dict[str, str]:
        """Go where a service provider sends a browser, type name and password, and return the form that comes of it."""
        page = await browser.get(url, follow_redirects=True)
        if 'name="password"' in page.text:
            state = unescape(re.findall(r'name="AuthState" value="([^"]+)"', page.text)[0])
            fields = {"username": "ann", "password": "secret", "AuthState": state}
            page = await browser.post(page.url, data=fields, follow_redirects=True)
        found = dict(re.findall(r'name="(SAMLResponse|RelayState)" value="([^"]+)"', page.text))
        assert "SAMLResponse" in found, page.text[:4000]
        return {name: unescape(value) for name, value in found.items()}


@asynccontextmanager
async def running(path: Path, keys: Keys) -> AsyncIterator[SimpleSAMLphp]:
    """Start it on a free port; where it is not installed the test skips with that reason, and in CI it fails."""
    php, installed = program("php"), folder(INSTALLED)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    base = f"http://localhost:{port}"
    for name in ("cert", "metadata", "sessions", "tmp"):
        (path / name).mkdir()
    for name, words in (("config", _CONFIG), ("authsources", _SOURCES), ("metadata/saml20-idp-hosted", _HOSTED)):
        (path / f"{name}.php").write_text(words.replace("{base}", base).replace("{folder}", str(path)))
    pem = keys.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (path / "cert" / "key.pem").write_bytes(pem)
    (path / "cert" / "cert.pem").write_bytes(keys.certificate.public_bytes(Encoding.PEM))
    environment = {"SIMPLESAMLPHP_CONFIG_DIR": str(path), "PATH": os.environ.get("PATH", os.defpath)}
    with (path / "php.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(php, "-S", f"localhost:{port}", "-t", f"{installed}/www"), env=environment, stdout=log, stderr=log
        )
        try:
            await _answers(base, process)
            yield SimpleSAMLphp(path, base)
        finally:
            process.terminate()
            await process.wait()


async def _answers(base: str, process: asyncio.subprocess.Process) -> None:
    async with httpx2.AsyncClient() as client, asyncio.timeout(60):
        while process.returncode is None:
            try:
                await client.get(f"{base}/saml2/idp/metadata.php")
            except httpx2.TransportError:
                await asyncio.sleep(0.05)
            else:
                return
    raise RuntimeError("PHP's server ended by itself")
