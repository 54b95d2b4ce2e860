"""Look for secrets in every file of the checkout that git knows or would take.

What stands in `.secrets.baseline` was looked at and is none: a specification's example, a test's throw-away value.
`python -m tools.check_secrets --renew` writes it anew; read its difference before you commit it.
"""

import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
BASELINE = ".secrets.baseline"
# A word such as `password` before a value says little where passwords are the subject.
ALWAYS_OFF = ("KeywordDetector",)
# Hashes and specifications' vectors look random too; secrets of a known form are found in these folders as well.
ENTROPY = ("Base64HighEntropyString", "HexHighEntropyString")
VECTORS = ("tests/", "sdk/tests/", "bench/")

Finding = tuple[str, str, str]


def files(root: Path) -> list[str]:
    """Every file that a commit could hold, by its path below `root`."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return sorted(name for name in listed.split("\0") if name and name != BASELINE and (root / name).is_file())


def scan(root: Path, names: list[str], *, without: tuple[str, ...]) -> dict[Finding, int]:
    """What looks like a secret in these files, with its line. Nothing is asked of the network."""
    if not names:
        return {}
    off = [argument for plugin in without for argument in ("--disable-plugin", plugin)]
    command = [sys.executable, "-m", "detect_secrets", "scan", "--no-verify", *off, "--", *names]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=root).stdout
    return {
        (name, found["type"], found["hashed_secret"]): found["line_number"]
        for name, all_found in json.loads(printed)["results"].items()
        for found in all_found
    }


def findings(root: Path) -> dict[Finding, int]:
    """What looks like a secret in a checkout."""
    names = files(root)
    vectors = [name for name in names if name.startswith(VECTORS) or name.endswith("requirements.lock")]
    others = [name for name in names if name not in set(vectors)]
    return scan(root, others, without=ALWAYS_OFF) | scan(root, vectors, without=ALWAYS_OFF + ENTROPY)


def main(root: Path = PROJECT, *, renew: bool = False) -> int:
    """Returns the exit status: 1 when something is found that the baseline does not hold."""
    found = findings(root)
    if renew:
        (root / BASELINE).write_text(json.dumps(sorted(found), indent=1) + "\n")
        return 0
    known = {tuple(entry) for entry in json.loads((root / BASELINE).read_text())}
    new = {finding: line for finding, line in found.items() if finding not in known}
    for (name, kind, _), line in sorted(new.items()):
        print(f"{name}:{line}: {kind}")
    if new:
        print(
            "Remove them, and revoke what was ever pushed. If none is a secret: python -m tools.check_secrets --renew"
        )
        return 1
    print(f"{len(files(root))} files hold no secret; {len(found)} findings are known to be none")
    return 0


if __name__ == "__main__":
    sys.exit(main(renew="--renew" in sys.argv))
