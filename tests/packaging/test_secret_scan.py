"""The scan for secrets finds what somebody might commit by mistake."""

import base64
import os
import subprocess

import pytest

from tools.check_secrets import main

# Put together here, so that the scan does not find them in this file.
PRIVATE_KEY = "-----BEGIN {} KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n".format("PRIVATE")
TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3
RANDOM = base64.b64encode(os.urandom(48)).decode()


@pytest.fixture
def checkout(tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    (tmp_path / "README.md").write_text("Nothing to see.\n")
    assert main(tmp_path, renew=True) == 0
    assert main(tmp_path) == 0
    return tmp_path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("key.pem", PRIVATE_KEY),
        ("tests/test_key.py", f'KEY = """{PRIVATE_KEY}"""'),
        ("deploy.yml", f"token: {TOKEN}\n"),
        ("app/settings.py", f'ENCRYPTION = "{RANDOM}"\n'),
    ],
    ids=["key file", "key in a test", "token", "random value"],
)
def test_a_secret_is_found_before_it_is_committed(checkout, capsys, name, text):
    (checkout / name).parent.mkdir(exist_ok=True)
    (checkout / name).write_text(text)
    assert main(checkout) == 1
    assert name in capsys.readouterr().out


def test_what_was_looked_at_is_found_no_more_wherever_it_moves_in_its_file(checkout):
    (checkout / "key.pem").write_text(PRIVATE_KEY)
    assert main(checkout, renew=True) == 0
    (checkout / "key.pem").write_text(f"A line more.\n{PRIVATE_KEY}")
    assert main(checkout) == 0


def test_what_git_ignores_is_not_read(checkout):
    (checkout / ".gitignore").write_text(".env\n")
    (checkout / ".env").write_text(f"TOKEN={TOKEN}\n")
    assert main(checkout) == 0
