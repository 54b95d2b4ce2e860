"""The workflows: what their linters cannot know."""

from pathlib import Path

import pytest
import yaml

WORKFLOWS = Path(__file__).parents[2] / ".github" / "workflows"
STEPS = ["ruff lint", "format check", "pytest", "alembic upgrade head --sql", "alembic upgrade head", "python -m build"]


def workflow(name: str) -> dict:
    # YAML 1.1 reads the key `on` as true.
    content = yaml.safe_load((WORKFLOWS / name).read_text())
    return content | {"on": content[True]}


@pytest.mark.parametrize("job", ["embedded", "servers"])
def test_both_jobs_take_every_step_in_order(job):
    names = [step.get("name") for step in workflow("ci.yml")["jobs"][job]["steps"]]
    assert [name for name in names if name in STEPS] == STEPS


def test_changes_are_checked_as_pull_requests_and_on_main():
    assert workflow("ci.yml")["on"] == {"pull_request": None, "push": {"branches": ["main"]}}


def test_the_servers_are_reached_by_the_settings():
    environment = workflow("ci.yml")["jobs"]["servers"]["env"]
    assert set(environment) == {"DATABASE__URL", "REDIS__URL"}


def test_the_container_is_published_from_main_from_version_tags_and_by_hand():
    release = workflow("release.yml")
    assert release["name"] == "Publish Container"
    assert release["on"]["push"] == {"branches": ["main"], "tags": ["v*"]}
    inputs = release["on"]["workflow_dispatch"]["inputs"]
    assert set(inputs) == {"image_name", "publish_latest"}
    assert inputs["image_name"]["default"] == "auth-service"


def test_the_sdk_is_published_from_version_tags_alone():
    jobs = workflow("release.yml")["jobs"]
    assert jobs["sdk-wheel"]["if"] == "github.event_name == 'push' && startsWith(github.ref, 'refs/tags/v')"
    assert jobs["sdk-publish"]["needs"] == "sdk-wheel"


@pytest.mark.parametrize("name", ["ci.yml", "release.yml"])
def test_every_job_ends_in_time_and_has_only_the_rights_it_names(name):
    content = workflow(name)
    assert content["permissions"] == {}
    assert "concurrency" in content
    assert all({"timeout-minutes", "permissions"} <= job.keys() for job in content["jobs"].values())
