"""Build the documentation as a site in `dist/site`, or with --check somewhere that is thrown away. A dead link fails.

Pages link to each other as they do in the repository, so the site's source is a copy of the pages in their places.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).parents[1]
PAGES = (
    "README.md",
    "DEVELOPMENT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "CHANGELOG.md",
    "sdk/README.md",
    "examples/todo/README.md",
)
# Named by pages, and no pages themselves.
FILES = (".env-sample",)
# What the tests of the pages read behind a block's language; to the builder a fence with such words is none at all.
_FENCE = re.compile(r"^(```\w+) (?:file=(\S+)|.*)$", re.MULTILINE)
_CONFIGURATION = """\
[project]
site_name = "auth-service"
site_description = "One service that owns identity, and one SDK that trusts it."
docs_dir = "pages"
site_dir = "site"
nav = [
  {{ "auth-service" = "README.md" }},
  {{ "First hour" = "docs/README.md" }},
  {{ "Protect a service" = "docs/integrate-sdk.md" }},
  {{ "Step-up" = "docs/step-up.md" }},
  {{ "Second factors" = "docs/second-factors.md" }},
  {{ "Service clients" = "docs/service-clients.md" }},
  {{ "HTTP API" = "docs/service-api.md" }},
  {{ "Browser apps" = "docs/browser-apps.md" }},
  {{ "Clients that work" = "docs/clients-that-work.md" }},
  {{ "The todo example" = ["docs/todo-example.md", "examples/todo/README.md"] }},
  {{ "Operations" = "docs/operations.md" }},
  {{ "Addresses and passwords" = "docs/accounts.md" }},
  {{ "Mail" = "docs/mail.md" }},
  {{ "Webhooks" = "docs/webhooks.md" }},
  {{ "Rate limits" = "docs/rate-limits.md" }},
  {{ "Drills" = "docs/drills.md" }},
  {{ "Pages and languages" = "docs/pages-and-languages.md" }},
  {{ "Troubleshooting" = "docs/troubleshooting.md" }},
  {{ "Runbooks" = "docs/runbooks.md" }},
  {{ "When to use it" = "docs/when-to-use.md" }},
  {{ "Benchmarks" = "docs/benchmarks.md" }},
  {{ "Architecture" = "docs/architecture.md" }},
  {{ "Decisions" = [{decisions}] }},
  {{ "Reference" = [{reference}] }},
  {{ "SDK" = "sdk/README.md" }},
  {{ "Working on it" = ["DEVELOPMENT.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"] }},
]

[project.theme]
features = ["content.code.copy", "navigation.top", "search.highlight"]
"""


def main(*, check: bool) -> int:
    """Returns the exit status of the builder."""
    with tempfile.TemporaryDirectory(prefix="site-") as folder:
        root = Path(folder)
        _copy_pages(root / "pages")
        names = {part: _listed(root / "pages", f"docs/{part}") for part in ("decisions", "reference")}
        (root / "zensical.toml").write_text(_CONFIGURATION.format(**names))
        command = [str(Path(sys.executable).with_name("zensical")), "build", "--strict", "--clean"]
        built = subprocess.run(command, cwd=root, check=False)
        if built.returncode == 0 and not check:
            site = PROJECT / "dist" / "site"
            shutil.rmtree(site, ignore_errors=True)
            shutil.copytree(root / "site", site)
            print(f"open {site.relative_to(PROJECT)}/index.html")
        return built.returncode


def _copy_pages(to: Path) -> None:
    shutil.copytree(PROJECT / "docs", to / "docs")
    for name in (*PAGES, *FILES):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PROJECT / name, to / name)
    for page in to.rglob("*.md"):
        page.write_text(_FENCE.sub(_plain_fence, page.read_text()))


def _plain_fence(fence: re.Match[str]) -> str:
    """The first line of a block as the builder knows it: the language, and the file's name as a title."""
    return f'{fence[1]} title="{fence[2]}"' if fence[2] else fence[1]


def _listed(pages: Path, folder: str) -> str:
    """The pages of a folder as a list in TOML, its README first."""
    paths = sorted((pages / folder).glob("*.md"), key=lambda path: (path.name != "README.md", path.name))
    return ", ".join(f'"{path.relative_to(pages).as_posix()}"' for path in paths)


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
