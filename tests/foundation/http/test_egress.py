"""Where a request of ours may go."""

from ipaddress import ip_address, ip_network

import pytest

from app.foundation.http.egress import Egress, TargetRefused, Unresolved, parse_allowed
from tests.foundation.http.receivers import Names

pytestmark = pytest.mark.anyio

DISGUISES = [
    "https://127.0.0.1/",
    "https://127.1/",
    "https://2130706433/",
    "https://017700000001/",
    "https://0x7f000001/",
    "https://0x7f.0.0.1/",
    "https://0177.0.0.1/",
    "https://127.0.0.1./",
    "https://0/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://172.16.3.4/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://100.100.100.200/",
    "https://169.254.169.254/latest/meta-data/",
    "https://168.63.129.16/",
    "https://192.0.0.192/",
    "https://198.18.0.1/",
    "https://224.0.0.1/",
    "https://255.255.255.255/",
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/",
    "https://[fc00::1]/",
    "https://[fec0::1]/",
    "https://[ff02::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:7f00:1]/",
    "https://[::127.0.0.1]/",
    "https://[::ffff:0:127.0.0.1]/",
    "https://[2002:7f00:1::]/",
    "https://[2002:808:808::1]/",
    "https://[2001:0:7f00:1::]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[64:ff9b:1::808:808]/",
    "https://[2606:4700::5efe:7f00:1]/",
    "https://localhost./",
    "https://hooks.example.com./",
    "https://①②⑦.⓪.⓪.①/",
    "https://user@hooks.example.com/",
    "https://user:pass@hooks.example.com/",
    "https://@hooks.example.com/",
    "https://8.8.8.8:22/",
    "https://8.8.8.8:25/",
    "https://8.8.8.8/#fragment",
    "http://8.8.8.8/",
    "ftp://8.8.8.8/",
    "file:///etc/passwd",
    "gopher://8.8.8.8/",
    "//8.8.8.8/",
    "https:///nowhere",
    "https://exa mple.com/",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/\r\nHost: other",
    "https://" + "a" * 64 + ".example.com/",
    "https://example.com/" + "a" * 2048,
    "",
]


@pytest.mark.attack("HOK-01")
@pytest.mark.parametrize("url", DISGUISES)
def test_target_in_disguise_is_refused(url: str) -> None:
    with pytest.raises(TargetRefused):
        Egress().examine(url)


@pytest.mark.attack("HOK-01")
@pytest.mark.parametrize(
    "answer",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "93.184.216.34 10.0.0.1"],
)
async def test_name_that_leads_inside_is_refused(answer: str) -> None:
    egress = Egress(resolver=Names(hooks_example_com=[answer]))
    with pytest.raises(TargetRefused):
        await egress.check("https://hooks.example.com/")


@pytest.mark.parametrize(
    "url", ["https://8.8.8.8/", "https://[2606:4700::1111]:8443/x?y=1", "https://[64:ff9b::808:808]/"]
)
async def test_public_address_is_allowed(url: str) -> None:
    await Egress().check(url)


async def test_name_with_public_addresses_is_allowed() -> None:
    egress = Egress(resolver=Names(hooks_example_com=["93.184.216.34 2606:4700::1111"]))
    await egress.check("https://hooks.example.com/in?x=1")
    assert list(await egress.addresses("hooks.example.com", 443, secure=True)) == [
        ip_address("93.184.216.34"),
        ip_address("2606:4700::1111"),
    ]


async def test_http_to_the_internet_is_refused() -> None:
    with pytest.raises(TargetRefused, match="https"):
        await Egress(resolver=Names(hooks_example_com=["93.184.216.34"])).check("http://hooks.example.com/")


async def test_name_without_an_address_may_be_kept_and_is_not_called() -> None:
    egress = Egress(resolver=Names())
    await egress.check("https://not-yet.example.com/")
    with pytest.raises(Unresolved):
        await egress.addresses("not-yet.example.com", 443, secure=True)


async def test_allowed_host_is_open_by_http_on_any_port() -> None:
    egress = Egress(
        hosts=frozenset({"hooks.internal"}), resolver=Names(hooks_internal=["10.0.0.9"], else_internal=["10.0.0.9"])
    )
    await egress.check("http://hooks.internal:81/")
    with pytest.raises(TargetRefused):
        await egress.check("http://else.internal:81/")


@pytest.mark.attack("HOK-01")
@pytest.mark.parametrize("answer", ["169.254.169.254", "fd00:ec2::254", "0.0.0.0", "224.0.0.1", "fe80::1"])
async def test_allowed_host_never_leads_to_a_metadata_service(answer: str) -> None:
    egress = Egress(hosts=frozenset({"hooks.internal"}), resolver=Names(hooks_internal=[answer]))
    with pytest.raises(TargetRefused):
        await egress.check("https://hooks.internal/")


async def test_allowed_network_is_open_whatever_its_address_is_dressed_as() -> None:
    egress = Egress(networks=[ip_network("10.1.0.0/16")], resolver=Names(hooks_internal=["10.1.0.9"]))
    for url in ("http://10.1.2.3:8080/", "http://[::ffff:10.1.2.3]/", "http://hooks.internal/"):
        await egress.check(url)
    with pytest.raises(TargetRefused):
        await egress.check("http://10.2.0.1/")


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("hooks.internal", "hooks.internal"),
        ("Localhost", "localhost"),
        ("10.1.0.0/16", ip_network("10.1.0.0/16")),
        ("127.0.0.1", ip_network("127.0.0.1/32")),
        ("::1", ip_network("::1/128")),
    ],
)
def test_entry_of_the_setting_is_a_host_or_a_network(text: str, parsed: object) -> None:
    assert parse_allowed(text) == parsed


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "::/0", "*", "*.internal", "http://hooks.internal", "10.1.0.9/16", "0x7f.1", "a b", "x."]
)
def test_wrong_entry_of_the_setting_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"name|plain|open"):
        parse_allowed(text)


async def test_system_looks_names_up_when_no_other_resolver_is_given() -> None:
    egress = Egress(hosts=frozenset({"localhost"}))
    try:
        found = await egress.addresses("localhost", 8080, secure=False)
        assert found
        assert all(address.is_loopback for address in found)
        with pytest.raises(TargetRefused):
            await Egress().check("https://localhost/")
    finally:
        egress.close()
