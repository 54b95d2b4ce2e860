"""Every block of code on the pages does what the page says, against a running instance; every link leads somewhere."""

import contextlib
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.cli.running import CLEAN, Running, free_ports
from tests.docs.blocks import PROJECT, blocks_of, pages, run_page
from tests.docs.imported import write_caller
from tests.telemetry.exposed import wait_until

LANGUAGES = {"sh", "python", "text", "http", "json", "toml", "yaml", "ini", "nginx", "js", "apache"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGES = [
    page for page in pages() if any(block.language in {"sh", "python"} and block.runs for block in blocks_of(page))
]


def name_of(page):
    return page.relative_to(PROJECT).as_posix()


@pytest.fixture(scope="module")
def instance():
    """A development instance with its examples; yields the program that works on it and its first port, of three."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        data_dir, port, program = Path(folder) / "data", free_ports(3), Path(folder) / "auth-service"
        running = Running("dev", "--data-dir", data_dir, "--port", str(port))
        running.wait_for("Ctrl-C stops everything")
        with imported_program(Path(folder) / "socket") as address:
            write_caller(program, address=address, data_dir=data_dir)
            yield program, port
        assert running.end() == 0, running.printed


@contextlib.contextmanager
def imported_program(address):
    process = subprocess.Popen([sys.executable, "-m", "tests.docs.imported", address], cwd=PROJECT, env=CLEAN)
    try:
        wait_until(lambda: address.exists() or process.poll() is not None)
        yield str(address)
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_shows_works(page, instance, tmp_path):
    program, port = instance
    own = random.randrange(61_000, 65_000)  # beyond those that other tests choose from
    ports = {"8000": port, "8001": port + 1, "8002": port + 2, "8003": own}
    failure = run_page(page, tmp_path, ports=ports, program=program)
    assert failure is None, failure


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_block_says_its_language_and_why_it_is_not_run(page):
    text = page.read_text()
    assert len(re.findall(r"^```", text, re.MULTILINE)) == 2 * len(blocks_of(page)), "a block without a language"
    for block in blocks_of(page):
        assert block.language in LANGUAGES, block
        if block.language in {"sh", "python"} and block.info and block.runs:
            assert block.file, f"{block.info!r} is neither file=NAME nor no-run: REASON"


@pytest.mark.parametrize("page", [*pages(), PROJECT / "llms.txt"], ids=name_of)
def test_every_link_leads_somewhere(page):
    dead = []
    for target in LINK.findall(page.read_text()):
        path, _, anchor = target.partition("#")
        if "://" in path:
            continue
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            dead.append(target)
    assert dead == []


def anchors(page):
    """The headings of a page as GitHub makes anchors of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
