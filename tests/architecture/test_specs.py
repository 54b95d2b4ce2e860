"""`docs/specs.md` says what is so: of modules, of tests, and of discovery."""

import re

from app.protocols.oidc.discovery import metadata
from tests.architecture.house import PROJECT

PAGE = PROJECT / "docs" / "specs.md"
FAMILIES = (
    *("RFC 6749", "RFC 7009", "RFC 7523", "RFC 7636", "RFC 7662", "RFC 8414", "RFC 8707", "RFC 9207"),
    *("OpenID Connect", "SAML 2.0", "XML Encryption"),
)
SAML = ("protocols/saml", "federation/saml", "brokering/saml")
MARK = re.compile(r'mark\.spec\("([^"]+)"\)')
ROW = re.compile(r"^\| (?P<section>[^|]+) \| [^|]+ \| `(?P<module>[^`]+)` \| `(?P<file>[^`:]+)::(?P<test>\w+)` \|$")


def rows() -> list[re.Match[str]]:
    page = PAGE.read_text().partition("## Sections")[2].partition("## Discovery")[0]
    lines = [line for line in page.splitlines() if line.startswith("| ") and not line.startswith("| section")]
    found = [ROW.match(line) for line in lines]
    assert all(found), [line for line, row in zip(lines, found, strict=True) if row is None]
    return [row for row in found if row is not None]


def has_test(file: str, test: str) -> bool:
    path = PROJECT / file
    return path.is_file() and re.search(rf"^(async )?def {test}\(", path.read_text(), re.MULTILINE) is not None


def test_every_module_and_test_that_is_named_is_there() -> None:
    missing = []
    for row in rows():
        if not (PROJECT / row["module"]).is_file():
            missing.append(row["module"])
        if not has_test(row["file"], row["test"]):
            missing.append(f"{row['file']}::{row['test']}")
    assert missing == []
    assert len(rows()) > 30


def test_every_section_that_a_test_of_the_provider_names_stands_on_the_page() -> None:
    named = {row["section"] for row in rows()}
    marked = {
        section
        for folder in ("oauth", "protocols/oidc", "protocols/oauth", *SAML)
        for path in sorted((PROJECT / "tests" / folder).rglob("test_*.py"))
        for section in MARK.findall(path.read_text())
        if section.startswith(FAMILIES)
    }
    # A part of a section that stands there is covered by it.
    left_out = {section for section in marked if not any(covers(known, section) for known in named)}
    assert left_out == set()


def test_every_row_of_saml_has_its_mark_at_the_test_that_holds_it() -> None:
    wanted = {(row["section"], row["file"]) for row in rows() if row["section"].startswith(("SAML", "XML"))}
    marked = {
        (section, str(path.relative_to(PROJECT)))
        for folder in SAML
        for path in (PROJECT / "tests" / folder).rglob("test_*.py")
        for section in MARK.findall(path.read_text())
    }
    assert len(wanted) > 30
    assert wanted - marked == set()


def covers(known: str, section: str) -> bool:
    """Whether one is the other, or a part of it."""
    return known == section or known.startswith(f"{section}.") or section.startswith(f"{known}.")


def test_discovery_is_what_the_page_says() -> None:
    table = PAGE.read_text().partition("## Discovery")[2]
    members = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert set(members) == metadata("https://auth.example", ui_locales=["en"]).keys()
    assert len(members) == len(set(members))


def test_each_module_of_the_conformance_suite_has_its_test_or_says_not_yet() -> None:
    lines = (PROJECT / "docs" / "conformance.md").read_text().splitlines()
    wrong = []
    for line in lines:
        if not line.startswith("| `oidcc-"):
            continue
        told = line.split("|")[2].strip()
        found = re.fullmatch(r"`(?P<file>[^`:]+)::(?P<test>\w+)`", told)
        if found is None:
            wrong += [] if told.startswith(("not yet", "does not apply")) else [line]
        elif (
            re.search(rf"^(async )?def {found['test']}\(", (PROJECT / found["file"]).read_text(), re.MULTILINE) is None
        ):
            wrong.append(line)
    assert wrong == []
    assert sum(line.startswith("| `oidcc-") for line in lines) > 50
