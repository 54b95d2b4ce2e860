"""Install everything into `.venv`, with nothing at hand but this interpreter.

The locked packages come each by its hash, this project's two packages as editable installs. Called by the Makefile
with the path of the stamp to leave behind; two calls at once take turns.
"""

import fcntl
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
VENV = PROJECT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = VENV / "bin" / "uv"
# The same series as the build backend in pyproject.toml, which uv then needs not download.
UV_VERSION = "uv>=0.13,<0.14"


def environment() -> dict[str, str]:
    """The caller's environment, put right where it would lead the installers astray."""
    kept = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "CONDA_PREFIX"}}
    kept |= {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    trusted = ssl.get_default_verify_paths()
    if trusted.cafile or trusted.capath:
        # Behind a company's proxy only the machine's own store knows the certificate.
        kept.setdefault("UV_SYSTEM_CERTS", "1")
    if not os.access(Path("~").expanduser(), os.W_OK):
        kept |= {"UV_NO_CACHE": "1", "PIP_NO_CACHE_DIR": "1"}
    return kept


def succeeds(*command: str | Path) -> bool:
    """Whether a command can be run and ends well; what it prints is not shown."""
    try:
        result = subprocess.run(command, env=environment(), capture_output=True, check=False)
    except OSError:
        return False
    return result.returncode == 0


def run(*command: str | Path) -> bool:
    """Run a command that tells by itself what goes wrong."""
    return subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, check=False).returncode == 0


def make_environment() -> None:
    """Make `.venv` unless a working one stands there."""
    if succeeds(PYTHON, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"):
        return
    shutil.rmtree(VENV, ignore_errors=True)
    print(f"Making .venv with Python {sys.version.split()[0]}", flush=True)
    if not succeeds(sys.executable, "-m", "venv", VENV):
        # Debian's python3 comes without ensurepip: do without, if pip or uv can be had otherwise.
        run(sys.executable, "-m", "venv", "--clear", "--without-pip", VENV)


def fetch_uv() -> bool:
    """Put uv into `.venv` unless it is there."""
    if succeeds(UV, "--version"):
        return True
    print("Fetching uv", flush=True)
    if succeeds(PYTHON, "-m", "pip", "--version"):
        return run(PYTHON, "-m", "pip", "install", "--quiet", UV_VERSION)
    if succeeds(sys.executable, "-m", "pip", "--version"):
        return run(sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", UV_VERSION)
    if found := shutil.which("uv"):
        return run(found, "pip", "install", "--quiet", "--python", PYTHON, UV_VERSION)
    print(
        "This Python cannot make environments with pip. On Debian and Ubuntu: apt install python3-venv", file=sys.stderr
    )
    return False


def install_packages() -> bool:
    """Install the locked packages, then this project's own."""
    print("Installing the locked packages", flush=True)
    locked = ("--require-hashes", "-r", PROJECT / "requirements.lock")
    own = ("--no-deps", "--editable", PROJECT, "--editable", PROJECT / "sdk")
    if run(UV, "pip", "install", "--quiet", "--python", PYTHON, *locked):
        return run(UV, "pip", "install", "--quiet", "--python", PYTHON, *own)
    # A machine may have told only pip where its packages come from.
    print("uv could not install them; trying pip", file=sys.stderr, flush=True)
    pip = (PYTHON, "-m", "pip", "install", "--quiet")
    return run(*pip, *locked) and run(*pip, *own)


def is_fresh(stamp: Path) -> bool:
    """Whether another call has just done the work while this one waited for its turn."""
    inputs = ("requirements.lock", "pyproject.toml", "sdk/pyproject.toml", "tools/install.py")
    newest = max((PROJECT / name).stat().st_mtime_ns for name in inputs)
    return stamp.exists() and stamp.stat().st_mtime_ns >= newest


def main(stamp: Path) -> int:
    """Install what is missing and leave the stamp. Returns the exit status."""
    folder = os.open(PROJECT, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    if is_fresh(stamp):
        return 0
    make_environment()
    if not (fetch_uv() and install_packages()):
        print("Nothing else was changed; run the same command again when the cause is mended.", file=sys.stderr)
        return 1
    for old in VENV.glob("installed-*"):
        old.unlink()
    stamp.touch()
    return 0


if __name__ == "__main__":
    sys.exit(main(PROJECT / sys.argv[1]))
