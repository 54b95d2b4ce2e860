"""Bodies and headers made to cost the server much are refused early, everywhere, and leave no memory behind."""

from pathlib import Path

import httpx2
import psutil
import pytest

from tests.edge.test_server import served

pytestmark = [pytest.mark.anyio, pytest.mark.attack("DOS-01")]

FORM = "application/x-www-form-urlencoded"
BOUNDARY = "boundary"
PART = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="f"\r\n\r\nx\r\n'
FLOODS: dict[str, tuple[str, bytes]] = {
    "10 MB of JSON": ("application/json", b'{"email": "' + b"x" * 10_000_000 + b'"}'),
    "nesting of 10 000": ("application/json", b'{"email":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    "10 000 form fields": (FORM, b"&".join(b"f%d=" % number for number in range(10_000))),
    "10 000 short form fields": (FORM, b"&" * 10_000),
    "10 000 parts": (f"multipart/form-data; boundary={BOUNDARY}", PART.encode() * 10_000),
    "multipart without an end": (f"multipart/form-data; boundary={BOUNDARY}", b"--" + b"\r\n" * 30_000),
    # In form data a pattern for its parameters once took minutes over such a value (CVE-2024-24762).
    "100 kB of Content-Type": ('application/x-www-form-urlencoded; !="' + "\\" * 100_000, b"input=1"),
}
REFUSED = {400, 401, 413, 415, 422, 431}
MEMORY_BYTES = 50_000_000


@pytest.mark.parametrize("name", FLOODS)
async def test_every_endpoint_that_takes_a_body_refuses_it(api: httpx2.AsyncClient, name: str) -> None:
    content_type, body = FLOODS[name]
    paths = (await api.get("/openapi.json")).json()["paths"]
    taking = [
        (method.upper(), path)
        for path, operations in paths.items()
        for method, operation in operations.items()
        if "requestBody" in operation and "{" not in path
    ]
    assert len(taking) > 3
    for method, path in taking:
        answer = await api.request(method, path, content=body, headers={"Content-Type": content_type})
        assert answer.status_code in REFUSED, (method, path, answer.status_code)


def test_they_leave_no_memory_behind(tmp_path: Path) -> None:
    expected = {"10 MB of JSON": {413}, "nesting of 10 000": {400}, "100 kB of Content-Type": {431}}
    with served("create", tmp_path) as server:
        server.wait_until_live()
        process = psutil.Process(server.process.pid)
        with server.client() as client:
            assert client.get("/health/live").status_code == 200
            before, most = process.memory_info().rss, 0
            for name, (content_type, body) in FLOODS.items():
                for path in ("/hot", "/things"):
                    for _ in range(3):
                        # A server that has refused may close before all of it was sent.
                        answer = client.post(path, content=body, headers={"Content-Type": content_type})
                        assert answer.status_code in expected.get(name, {413, 415}), (name, answer.text)
                        most = max(most, process.memory_info().rss)
            assert client.get("/health/live").status_code == 200
    assert most - before < MEMORY_BYTES
