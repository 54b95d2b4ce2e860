#!/usr/bin/env bash
# Workflows and compose file against their schemas, workflows for what lets an attacker in, the Dockerfile's style.
set -euo pipefail

.venv/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
.venv/bin/check-jsonschema --builtin-schema vendor.compose-spec docker/docker-compose.yml examples/todo/compose.yaml
.venv/bin/zizmor --offline --no-progress --persona pedantic .github/workflows
.venv/bin/hadolint docker/Dockerfile
