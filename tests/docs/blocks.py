"""The blocks of code on a page, and running them as a reader would: from top to bottom, in one shell."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
# A block is run unless the words after its language give the reason why not: ```sh no-run: wants a server
_FENCE = re.compile(r"^```(\w+)(?: (.+?))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NO_RUN = re.compile(r"no-run: .{10,}")
_FILE = re.compile(r"file=([\w.]+)")
_END_OF_BLOCK = "\x1e"
_PAGE_SECONDS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block: its language, the words after it, and its text."""

    page: str
    language: str
    info: str
    text: str

    @property
    def runs(self) -> bool:
        return _NO_RUN.fullmatch(self.info) is None

    @property
    def file(self) -> str | None:
        found = _FILE.fullmatch(self.info)
        return found[1] if found else None

    @property
    def is_output(self) -> bool:
        """Whether it shows what the block before it prints."""
        return (self.language, self.info) == ("text", "output")


def pages() -> list[Path]:
    """Every page whose blocks must be true."""
    here = [PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")]
    return [*here, *sorted((PROJECT / "docs").rglob("*.md"))]


def blocks_of(page: Path) -> list[Block]:
    name = page.relative_to(PROJECT).as_posix()
    return [Block(page=name, language=m[1], info=m[2] or "", text=m[3]) for m in _FENCE.finditer(page.read_text())]


def run_page(page: Path, folder: Path, *, ports: dict[str, int], program: Path) -> str | None:
    """Run the blocks of a page in a folder; what went wrong, or None.

    `ports` are those to take for the page's own, and `program` is what is called `auth-service`.
    """
    script, outputs = [], []
    for block in blocks_of(page):
        text = re.sub(r"(localhost:|--port )(800[0-3])\b", lambda m: f"{m[1]}{ports[m[2]]}", block.text)
        if block.is_output:
            outputs[-1] = block.text
        elif block.language == "python" and block.runs:
            name = block.file or f"block_{len(script)}.py"
            (folder / name).write_text(text)
            script.append(f"python {name}")
            outputs.append(None)
        elif block.language == "sh" and block.runs:
            script.append(text)
            outputs.append(None)
    if not script:
        return None
    # As in a checkout.
    (folder / "examples").symlink_to(PROJECT / "examples")
    return _run(script, outputs, folder, program)


def _run(script: list[str], outputs: list[str | None], folder: Path, program: Path) -> str | None:
    # Whatever a page starts in the background ends with it.
    lines = ["set -eu", "trap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT"]
    for block in script:
        lines += [block, f"printf '\\n{_END_OF_BLOCK}\\n'"]
    done = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=folder,
        env=_environment(program),
        capture_output=True,
        text=True,
        check=False,
        timeout=_PAGE_SECONDS,
    )
    if done.returncode != 0:
        return f"exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
    printed = [part.strip() for part in done.stdout.split(_END_OF_BLOCK)]
    for expected, came in zip(outputs, printed, strict=False):
        if expected is not None and expected.strip() != came:
            return f"shown is {expected.strip()!r}, and printed was {came!r}"
    return None


def _environment(program: Path) -> dict[str, str]:
    """As a reader's: the program on the path, and nothing of this machine's own set-up."""
    kept = {name: value for name, value in os.environ.items() if "__" not in name and name != "ENVIRONMENT"}
    path = os.pathsep.join([str(program.parent), str(Path(sys.executable).parent), kept["PATH"]])
    return kept | {"PATH": path, "PYTHONPATH": str(PROJECT), "VIRTUAL_ENV": sys.prefix}
