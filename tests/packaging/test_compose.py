"""The compose file: what its schema cannot say."""

import re
from pathlib import Path

import pytest
import yaml

from app.cli.settings import env_sample
from app.settings import load_settings

PROJECT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((PROJECT / "docker" / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
FOR_OTHERS = ("PUBLIC_URL", "REDIS__URL", "METRICS__PORT", "METRICS__WORKER_PORT", "METRICS__HOST")
OURS = ("auth-service", "worker", "migrate", "secrets")


def test_every_port_is_published_on_loopback_alone():
    ports = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert ports == {"auth-service": ["127.0.0.1:8000:8000"], "mail": ["127.0.0.1:8025:8025"]}


def test_metrics_are_shown_inside_alone():
    assert SERVICES["auth-service"]["environment"]["METRICS__PORT"] == "9464"
    assert SERVICES["auth-service"]["expose"] == ["9464"]
    assert SERVICES["worker"]["environment"]["METRICS__WORKER_PORT"] == "9465"
    assert SERVICES["worker"]["expose"] == ["9465"]
    assert [name for name, service in SERVICES.items() if "946" in str(service.get("ports"))] == []


@pytest.mark.parametrize("name", OURS)
def test_our_containers_run_read_only_and_without_capabilities(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]


def test_secrets_come_from_files_alone():
    environment = SERVICES["auth-service"]["environment"]
    assert {name for name in environment if not name.endswith("_FILE")} == set(FOR_OTHERS)
    assert "POSTGRES_PASSWORD" not in SERVICES["postgres"]["environment"]


def test_only_the_service_sees_the_encryption_key():
    seeing = {name for name, service in SERVICES.items() if re.search("service-secrets:", str(service.get("volumes")))}
    assert seeing == set(OURS)


def test_the_settings_of_compose_with_the_sample_as_env_file_start_production(tmp_path):
    """What Compose does with an unchanged copy of `.env-sample`, with files where the volumes would be."""
    sample = tmp_path / ".env"
    sample.write_text(env_sample())
    for name, text in (
        ("database_url", "postgresql+asyncpg://auth:x@postgres:5432/auth"),
        ("encryption_keys", "A" * 43 + "="),
    ):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o400)
    environment = {
        name: value.replace("/run/service-secrets", str(tmp_path)).replace("${PUBLIC_URL:-", "").rstrip("}")
        for name, value in SERVICES["auth-service"]["environment"].items()
    }
    warnings: list[str] = []
    settings = load_settings(environment, env_file=sample, processes=4, warn=warnings.append)
    assert settings.is_production
    assert settings.public_url == "http://localhost:8000"
    assert warnings == []


def test_the_context_is_the_root():
    assert SERVICES["secrets"]["build"] == {"context": "..", "dockerfile": "docker/Dockerfile"}
