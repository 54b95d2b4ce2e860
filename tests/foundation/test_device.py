"""User agents and addresses in words."""

import pytest

from app.foundation.device import device_of, network_of

MOZILLA = "Mozilla/5.0 "
WEBKIT = " AppleWebKit/537.36 (KHTML, like Gecko) "


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        (MOZILLA + "(X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox (Linux)"),
        (MOZILLA + "(Windows NT 10.0; Win64; x64)" + WEBKIT + "Chrome/142.0 Safari/537.36", "Chrome (Windows)"),
        (MOZILLA + "(Windows NT 10.0; Win64; x64)" + WEBKIT + "Chrome/142.0 Safari/537.36 Edg/142.0", "Edge (Windows)"),
        (MOZILLA + "(X11; CrOS x86_64 14541)" + WEBKIT + "Chrome/142.0 Safari/537.36", "Chrome (ChromeOS)"),
        (MOZILLA + "(Macintosh; Intel Mac OS X 10_15_7)" + WEBKIT + "Version/19.0 Safari/605.1", "Safari (macOS)"),
        (MOZILLA + "(iPhone; CPU iPhone OS 19_0)" + WEBKIT + "CriOS/142 Mobile Safari", "Chrome (iPhone)"),
        (MOZILLA + "(Linux; Android 16; SM-S9)" + WEBKIT + "SamsungBrowser/29 Chrome/1", "Samsung Internet (Android)"),
        ("curl/8.5.0", "curl"),
        ("OrdersApp/3.1 (iPhone; iOS 19)", "OrdersApp (iPhone)"),
        ("python-httpx2/1.0", "python-httpx2"),
    ],
)
def test_a_user_agent_is_named_by_program_and_system(user_agent, words):
    assert device_of(user_agent).words == words


@pytest.mark.parametrize("user_agent", [None, "", "/", "\u202eevil", "<b>"])
def test_what_says_nothing_readable_is_no_device(user_agent):
    assert device_of(user_agent) is None


def test_a_version_does_not_make_another_device():
    assert device_of("curl/8.5.0") == device_of("curl/9.0")


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("not an address", None),
        (None, None),
    ],
)
def test_an_address_lies_in_a_network(ip, network):
    assert network_of(ip) == network
