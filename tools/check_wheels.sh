#!/usr/bin/env bash
# Build both wheels and use each from a fresh environment that knows nothing of the checkout; the SDK also as it is
# installed from a folder and from a git URL.
set -euo pipefail

project=$PWD
uv=$project/.venv/bin/uv
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

"$uv" build --quiet --all-packages --out-dir "$place/dist"
ls -l "$place/dist"

# Name of the environment, then what to install into it; versions are the locked ones.
environment() {
  "$uv" venv --quiet --python "$project/.venv/bin/python" "$place/$1"
  "$uv" pip install --quiet --python "$place/$1/bin/python" --constraint "$place/versions" "${@:2}"
}
grep -E '^[A-Za-z0-9._-]+==' "$project/requirements.lock" | sed 's/ *\\$//' > "$place/versions"

cd "$place"

environment service "$place"/dist/auth_service-*.whl
service/bin/auth-service --help > help.txt
grep Usage help.txt
service/bin/python - <<'PYTHON'
import app.main
from app.migrations.chain import newest_revision

assert "site-packages" in app.main.__file__, app.main.__file__
print("service wheel: app.main imported, schema", newest_revision())
PYTHON

use_sdk() {
  "$1/bin/python" - "$1" <<'PYTHON'
import importlib.util
import sys

import auth_service_sdk
from auth_service_sdk import JWTAuthMiddleware
from sdk import JWTAuthMiddleware as Reexported

assert "site-packages" in auth_service_sdk.__file__, auth_service_sdk.__file__
assert Reexported is JWTAuthMiddleware
assert importlib.util.find_spec("fastapi") is None, "the SDK brought FastAPI along"
assert importlib.util.find_spec("app") is None, "the SDK brought the service along"
print(f"{sys.argv[1]}: JWTAuthMiddleware imported without FastAPI")
PYTHON
}

environment sdk-from-wheel "$place"/dist/auth_service_sdk-*.whl
use_sdk sdk-from-wheel

environment sdk-from-folder "$project/sdk"
use_sdk sdk-from-folder

# What is committed, as others get it.
environment sdk-from-git "auth-service-sdk @ git+file://$project#subdirectory=sdk"
use_sdk sdk-from-git
