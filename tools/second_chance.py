"""Run the tests, and then once more, alone, each that failed beside the others: `python -m tools.second_chance -n 3`.

Several tests share a machine, and one that takes for granted what a stall takes away fails now and then. That is a
defect of the test or of the code, to be mended; the second run only keeps it from stopping everyone, so it is named
loudly. Where more than `MOST` failed the machine is not to blame, and none gets another chance.
"""

import subprocess
import sys
from collections.abc import Sequence

import pytest

MOST = 5
_WIDTH = 100


class Failures:
    """What a run says of its tests: each that failed, with the output of its first failure."""

    def __init__(self) -> None:
        self.output: dict[str, str] = {}
        self.is_collected = True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a phase of a test that failed."""
        if report.failed:
            self.output.setdefault(report.nodeid, report.longreprtext)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot even be read."""
        if report.failed:
            self.is_collected = False


def main(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; return its exit status, or 0 if all that failed passed alone."""
    failures = Failures()
    status = int(pytest.main(list(arguments), plugins=[failures]))
    if status != pytest.ExitCode.TESTS_FAILED or not failures.is_collected or not failures.output:
        return status
    if len(failures.output) > MOST:
        print(f"\n{len(failures.output)} tests failed: too many for a second chance, which at most {MOST} get.")
        return status
    flaky = [name for name in failures.output if _passes_alone(name)]
    for name in flaky:
        print(f"\n{'!' * _WIDTH}\nflaky: failed beside others, passed alone: {name}\n{'!' * _WIDTH}")
        print("A flaky test is a defect to be mended. Its first failure:\n")
        print("\n".join(f"    {line}" for line in failures.output[name].splitlines()))
    broken = [name for name in failures.output if name not in flaky]
    for name in broken:
        print(f"\nfailed beside others and alone: {name}")
    print(f"\nsecond chance: {len(flaky)} flaky, {len(broken)} broken", flush=True)
    return status if broken else 0


def _passes_alone(name: str) -> bool:
    print(f"\n=== alone, once more: {name}", flush=True)
    return subprocess.run([sys.executable, "-m", "pytest", name], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
