"""What the package exports, what it needs, and which arguments it refuses."""

import inspect
import subprocess
import sys

import pytest

from auth_service_sdk import JWTAuthMiddleware

URL = "https://auth.example.com"


def build(**options):
    return JWTAuthMiddleware(None, **({"auth_base_url": URL, "expected_audience": "orders-api"} | options))


def run(program):
    # A process of its own: here the folder `sdk` of the repository stands in for the package of that name.
    subprocess.run([sys.executable, "-P", "-c", program], check=True, cwd="/")


def test_both_packages_are_typed_and_export_the_same_names():
    run("""
import auth_service_sdk, sdk
from importlib.resources import files
assert sdk.__all__ == auth_service_sdk.__all__
assert all(getattr(sdk, name) is getattr(auth_service_sdk, name) for name in sdk.__all__)
assert all(files(package).joinpath("py.typed").is_file() for package in (sdk, auth_service_sdk))
""")


def test_package_works_without_fastapi():
    run("""
import sys
sys.modules["fastapi"] = None
import asyncio
from sdk import JWTAuthMiddleware, Identity, require_role
from starlette.requests import HTTPConnection
user = Identity(sub="u", roles=("admin",))
scope = {"type": "http", "headers": [], "state": {"user": user}}
assert asyncio.run(require_role("admin")(HTTPConnection(scope))) is user
assert not {"fastapi", "pydantic", "httpx"} & {n for n, m in sys.modules.items() if m is not None}
""")


def test_middleware_is_recognised_as_asgi_3():
    assert inspect.iscoroutinefunction(build().__call__)


@pytest.mark.parametrize(
    "options",
    [
        {"auth_base_url": None},
        {"auth_base_url": None, "issuer": URL},
        {"auth_base_url": ""},
        {"auth_base_url": "auth.example.com"},
        {"auth_base_url": "ftp://auth.example.com"},
        {"auth_base_url": "https://"},
        {"auth_base_url": "https://user:pw@auth.example.com"},
        {"auth_base_url": "https://auth.example.com?x=1"},
        {"auth_base_url": "https://auth.example.com#x"},
        {"auth_base_url": "https://auth.example.com:99999"},
        {"auth_base_url": "https://auth.example.com/\r\n"},
        {"expected_audience": ""},
        {"expected_audience": []},
        {"expected_audience": ["orders-api", ""]},
        {"expected_audience": "orders\napi"},
        {"issuer": ""},
        {"leeway": -1},
        {"leeway": 31},
        {"leeway": 1.5},
        {"leeway": True},
        {"on_stale": "open"},
        {"staleness": 0.5},
        {"staleness": 241},
        {"staleness": "10"},
        {"staleness": True},
        {"lenient_paths": ["catalog"]},
        {"public_paths": ["health"]},
        {"public_paths": ["/a/*/b"]},
        {"public_paths": ["/a/../b"]},
        {"public_paths": ["*"]},
        {"public_paths": [""]},
        {"client_id": "c"},
        {"client_secret": "s"},
    ],
    ids=repr,
)
def test_argument_that_cannot_work_is_refused_in_words(options):
    with pytest.raises(ValueError, match=rf"{'|'.join(options)}|credentials"):
        build(**options)


def test_one_public_path_as_a_string_is_refused():
    with pytest.raises(TypeError, match="must be a list"):
        build(public_paths="/health")


def test_credentials_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("AUTH_CLIENT_ID", "c")
    with pytest.raises(ValueError, match="AUTH_CLIENT_SECRET"):
        build()
    monkeypatch.setenv("AUTH_CLIENT_SECRET", "s")
    build()
