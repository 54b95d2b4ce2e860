"""Dashboard and alerts: their expressions name metrics and labels that exist, and each alert has its runbook."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tools.reference.inventory import metrics

PROJECT = Path(__file__).parents[2]
DASHBOARD = json.loads((PROJECT / "deploy" / "grafana" / "auth-service.json").read_text())
ALERTS = yaml.safe_load((PROJECT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
RUNBOOKS = (PROJECT / "docs" / "runbooks.md").read_text()
EXPRESSIONS = {
    **{panel["title"]: target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]},
    **{rule["alert"]: rule["expr"] for rule in ALERTS},
}
# What Prometheus adds to every series, and histograms to theirs.
FREE_LABELS = {"instance", "job", "le"}
FUNCTIONS = {"absent", "histogram_quantile", "increase", "max", "min", "rate", "sum"}
WORDS = FUNCTIONS | {"and", "by", "offset", "or", "unless"}


def known() -> dict[str, dict[str, tuple[str, ...] | None]]:
    """The labels of every series that can be asked for."""
    return {series: dict(metric.labels) for metric in metrics() for series in metric.series}


@pytest.mark.parametrize("title", EXPRESSIONS)
def test_an_expression_names_what_exists(title):
    expression, series = EXPRESSIONS[title], known()
    named = re.findall(r"\bauth_service_\w+", expression)
    assert named
    assert [name for name in named if name not in series] == []
    labels = {label for name in named for label in series[name]} | FREE_LABELS
    for listed in re.findall(r"\bby \(([^)]*)\)", expression):
        assert {label.strip() for label in listed.split(",")} <= labels, listed
    for name, matchers in re.findall(r"(auth_service_\w+)\{([^}]*)\}", expression):
        for matcher in matchers.split(","):
            label, compared, value = re.fullmatch(r'\s*(\w+)(=|!=|=~|!~)"([^"]*)"\s*', matcher).groups()
            values = series[name][label]
            assert values is None or compared in {"=~", "!~"} or value in values, matcher


@pytest.mark.parametrize("title", EXPRESSIONS)
def test_an_expression_is_well_formed(title):
    expression = re.sub(r'"[^"]*"', '""', EXPRESSIONS[title])
    depth: list[str] = []
    for character in expression:
        if character in "([{":
            depth.append(character)
        elif character in ")]}":
            assert depth.pop() + character in {"()", "[]", "{}"}
    assert depth == []
    for inside in re.findall(r"\[([^\]]*)\]", expression):
        assert re.fullmatch(r"\d+[smhd]|\$__rate_interval", inside)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\bby \([^)]*\)|\bauth_service_\w+|\b[\d.]+[smhd]?\b", " ", expression)
    assert set(re.findall(r"[A-Za-z_$]\w*", bare)) <= WORDS
    assert set(re.sub(r"[A-Za-z_]\w*", "", bare)) <= set(" ()/*,<>=-+")
    for function in ("rate", "increase"):
        # A rate over something that can fall means nothing.
        for name in re.findall(rf"\b{function}\((auth_service_\w+)", expression):
            assert name.endswith(("_total", "_bucket", "_count", "_sum")), name
            assert re.search(rf"\b{function}\({name}(\{{[^}}]*\}})?\[", expression)


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: rule["alert"])
def test_an_alert_says_what_to_do(rule):
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/runbooks.md"
    assert anchor == rule["alert"].lower()
    assert RUNBOOKS.count(f"\n## {rule['alert']}\n\n") == 1
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert re.fullmatch(r"\d+m", rule.get("for", "1m"))


def test_every_runbook_belongs_to_an_alert_and_names_panels_that_exist():
    assert re.findall(r"^## (.+)$", RUNBOOKS, re.MULTILINE) == [rule["alert"] for rule in ALERTS]
    titles = {panel["title"] for panel in DASHBOARD["panels"]}
    assert set(re.findall(r"\*([^*]+)\*", RUNBOOKS)) <= titles


def test_panels_do_not_overlap_and_read_one_data_source():
    places = [tuple(panel["gridPos"][side] for side in "xy") for panel in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)
    assert {panel["datasource"]["uid"] for panel in DASHBOARD["panels"]} == {"${datasource}"}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(places)
