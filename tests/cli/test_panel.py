from pathlib import Path

from app.cli.panel import Panel

FULL = Panel(
    url="http://localhost:1",
    orders_url="http://localhost:2",
    billing_url="http://localhost:3",
    metrics_url="http://localhost:4/metrics",
    admin_password="made-up",
    data_dir=Path("/data"),
)


def test_it_shows_addresses_sign_ins_and_three_lines_to_copy():
    text = FULL.text()
    for shown in (
        "http://localhost:1",
        "http://localhost:2",
        "http://localhost:3",
        "http://localhost:4/metrics",
        "user@example.com",
        "made-up",
    ):
        assert shown in text
    lines = [line for line in text.splitlines() if line.startswith(("TOKEN=", "curl"))]
    assert len(lines) == 3


def test_without_demo_data_it_shows_no_sign_ins_and_no_lines():
    text = Panel(
        url=FULL.url,
        orders_url=FULL.orders_url,
        billing_url=FULL.billing_url,
        metrics_url=FULL.metrics_url,
        admin_password=None,
        data_dir=FULL.data_dir,
    ).text()
    assert "example.com" not in text
    assert "curl" not in text


def test_without_examples_it_shows_no_lines_that_would_fail():
    text = Panel(
        url=FULL.url,
        orders_url=None,
        billing_url=None,
        metrics_url=FULL.metrics_url,
        admin_password="made-up",
        data_dir=FULL.data_dir,
    ).text()
    assert "user@example.com" in text
    assert "curl" not in text
    assert "orders-api" not in text
