"""Every block of code on the pages does what the page says, against a running instance; every link leads somewhere."""

import random
import re
import tempfile
from pathlib import Path

import pytest

from tests.cli.running import Running, free_ports
from tests.docs.blocks import PROJECT, blocks_of, pages, run_page

LANGUAGES = {"sh", "python", "text", "http", "json", "toml", "yaml", "ini", "nginx", "js", "apache"}
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGES = [
    page for page in pages() if any(block.language in {"sh", "python"} and block.runs for block in blocks_of(page))
]


def name_of(page):
    return page.relative_to(PROJECT).as_posix()


@pytest.fixture(scope="module")
def instance():
    """A development instance with its examples; yields its folder and its first port, of three."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        data_dir, port = Path(folder) / "data", free_ports(3)
        running = Running("dev", "--data-dir", data_dir, "--port", str(port))
        running.wait_for("Ctrl-C stops everything")
        yield data_dir, port
        assert running.end() == 0, running.printed


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_what_a_page_shows_works(page, instance, tmp_path):
    data_dir, port = instance
    own = random.randrange(61_000, 65_000)  # beyond those that other tests choose from
    ports = {"8000": port, "8001": port + 1, "8002": port + 2, "8003": own}
    failure = run_page(page, tmp_path, ports=ports, data_dir=data_dir)
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
