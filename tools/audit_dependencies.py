"""Looks every locked package up among the known vulnerabilities: `python -m tools.audit_dependencies`.

pip-audit asks PyPI or OSV. Where neither answers nothing was looked at, and this says so: pip-audit by itself calls a
package that it could not ask about harmless. With `--required` that is a failure too.
"""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "docker/requirements.lock")
SERVICES = ("pypi", "osv")
_SECONDS = 240


def vulnerable(report: Mapping[str, Any]) -> list[str]:
    """The packages that have known vulnerabilities, a line for each of these."""
    return [
        f"{package['name']} {package['version']}: {fault['id']}, mended in {', '.join(fault['fix_versions']) or 'none'}"
        for package in report["dependencies"]
        for fault in package.get("vulns", ())
    ]


def unknown(report: Mapping[str, Any]) -> list[str]:
    """The packages that nobody could be asked about."""
    return [package["name"] for package in report["dependencies"] if "skip_reason" in package]


def ask(lock: str, service: str) -> Mapping[str, Any] | None:
    """What a service says of one lock file; None where it answers for no package at all."""
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--no-deps", "--progress-spinner", "off"]
    try:
        asked = subprocess.run(
            [*command, "--format", "json", "--vulnerability-service", service, "--requirement", str(PROJECT / lock)],
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        report: Mapping[str, Any] = json.loads(asked.stdout)
    except (ValueError, subprocess.TimeoutExpired):
        return None
    return None if len(unknown(report)) == len(report["dependencies"]) else report


def judge(lock: str, report: Mapping[str, Any] | None, *, required: bool) -> int:
    """Print what was found; the exit status."""
    if report is None:
        print(f"{lock}: NOT RUN: no vulnerability service answers here ({', '.join(SERVICES)}); nothing was looked up")
        return 1 if required else 0
    faults = [*vulnerable(report), *(f"{name}: no service knows this package" for name in unknown(report))]
    for fault in faults:
        print(f"{lock}: {fault}")
    if not faults:
        print(f"{lock}: {len(report['dependencies'])} packages, none with a known vulnerability")
    return 1 if faults else 0


def main(arguments: Sequence[str]) -> int:
    """Audit both lock files."""
    status = 0
    services: Sequence[str] = SERVICES
    for lock in LOCKS:
        report = None
        for service in services:
            report = ask(lock, service)
            if report is not None:
                break
        # Who has not answered for one file is not asked again for the other.
        services = () if report is None else (service,)
        status |= judge(lock, report, required="--required" in arguments)
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
