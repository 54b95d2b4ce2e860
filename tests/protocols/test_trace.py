"""What is kept of a flow's checks."""

from app.protocols.trace import Check, Trace, masked


def test_a_secret_is_shown_by_its_length_and_a_long_one_by_its_beginning():
    assert masked("0123456789abcdef") == "0123… (16 characters)"
    assert masked("short") == "… (5 characters)"
    assert masked(None) is None


def test_what_came_is_kept_short_and_printable():
    trace = Trace()
    trace.check("a", passed=False, received="x\n" * 1000)
    (check,) = trace.checks
    assert len(check.received) < 300
    assert check.received.isprintable()
    assert Check.of(check.as_json()) == check


def test_the_latest_judgement_of_a_thing_stands():
    trace = Trace()
    trace.check("session", passed=False)
    trace.check("scope", passed=True)
    assert trace.failed.name == "session"
    assert Trace(trace.checks).check("session", passed=True)
    trace.check("session", passed=True)
    assert trace.failed is None
    assert [check.name for check in trace.checks] == ["scope", "session"]
