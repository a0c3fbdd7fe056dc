"""No URL leads into the network that we run in: real servers on the loopback interface, with a resolver of the test's.

127.0.0.1 stands for the internet here (it is allowed), 127.0.0.9 for a computer inside that nobody may reach.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import requests
from click.testing import CliRunner
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

import calimport
from calimport import calendars, checking, guarded_requests, network_guard
from calimport.cli import main
from calimport.client import open_network
from calimport.errors import (
    CalimportError,
    ConfigurationError,
    FeedAddressForbidden,
    FeedConnectionFailed,
    FeedHostUnknown,
    FeedTlsInvalid,
    SourceUnsupported,
)
from calimport.fetching import Auth, Http
from calimport.network_guard import judge, networks
from calimport.settings import Settings
from tests.certificates import certificate
from tests.importing import feed
from tests.web import Reply, Web, _Handler, serve

INTERNET = "127.0.0.1/32"
INSIDE = "127.0.0.9"
FEED = feed("UID:one\nDTSTART:20261119T100000Z\nSUMMARY:Choir")


class Names:
    """A resolver: each name's answers in turn, the last one for ever."""

    def __init__(self) -> None:
        self.answers: dict[str, list[list[str]]] = {}
        self.asked: list[str] = []

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> list[Any]:
        name = host.decode() if isinstance(host, bytes) else host
        self.asked.append(name)
        if name not in self.answers:
            return self.real(host, port, *args, **kwargs)
        answers = self.answers[name]
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in one], socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    real = staticmethod(socket.getaddrinfo)


@pytest.fixture
def names(monkeypatch) -> Names:
    found = Names()
    monkeypatch.setattr(socket, "getaddrinfo", found.getaddrinfo)
    return found


@pytest.fixture
def inside() -> Iterator[Web]:
    """A server inside, on the port of nobody else."""
    with serve(address=INSIDE) as server:
        server.feed(Reply(b"the secret"), "/")
        yield server


def get(url: str, *, allowed: str = INTERNET, **given: Any) -> Any:
    """What a fetch gives: the answer, or our error."""

    async def fetch() -> Any:
        settings = Settings(fetch_attempts=1, connect_timeout=2, allowed_networks=allowed)
        async with Http(settings) as http:
            try:
                return await http.get(http.own(url), **given)
            except CalimportError as error:
                return error

    return asyncio.run(fetch())


# The judgement.


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "192.31.196.1",
        "172.32.0.1",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:0808:0808::1",
    ],
)
def test_the_internet_may_be_reached(address):
    assert judge(address, ()) is None


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("127.0.0.1", "this machine"),
        ("127.255.255.254", "this machine"),
        ("0.0.0.0", "this machine"),  # noqa: S104 - nothing is bound to it
        ("169.254.169.254", "link-local, where clouds keep their metadata"),
        ("168.63.129.16", "Azure's own services"),
        ("100.100.100.200", "a provider's own network"),
        ("100.64.0.1", "a provider's own network"),
        ("10.1.2.3", "a private network"),
        ("172.31.255.255", "a private network"),
        ("192.168.0.1", "a private network"),
        ("192.0.0.192", "reserved"),
        ("198.19.0.1", "for benchmarks"),
        ("203.0.113.7", "for documentation"),
        ("192.0.2.7", "for documentation"),
        ("198.51.100.7", "for documentation"),
        ("192.88.99.1", "reserved"),
        ("3fff::1", "for documentation"),
        ("224.0.0.251", "multicast"),
        ("255.255.255.255", "reserved"),
        ("::1", "this machine"),
        ("::", "this machine"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fd00:ec2::254", "a private network"),
        ("fec0::1", "a private network"),
        ("ff02::1", "multicast"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "reserved, Teredo among it"),
        ("2001:db8::1", "for documentation"),
        ("4000::1", "reserved"),
        ("::127.0.0.1", "reserved"),
        ("64:ff9b:1::7f00:1", "reserved"),
        ("::ffff:127.0.0.1", "this machine"),
        ("::ffff:10.0.0.1", "a private network"),
        ("64:ff9b::169.254.169.254", "link-local, where clouds keep their metadata"),
        ("2002:7f00:1::", "this machine"),
        ("2002:c0a8:0101::1", "a private network"),
    ],
)
def test_what_is_not_the_internet_may_not(address, reason):
    assert judge(address, ()) == reason


@pytest.mark.parametrize(
    ("address", "allowed", "is_good"),
    [
        ("10.1.2.3", "10.1.0.0/16", True),
        ("10.2.2.3", "10.1.0.0/16", False),
        ("10.2.2.3", "10.1.0.0/16, 10.2.0.0/16,", True),
        ("::ffff:10.1.2.3", "10.1.0.0/16", True),
        ("64:ff9b::10.1.2.3", "10.1.0.0/16", True),
        ("fd12::1", "fd12::/16", True),
        ("fe80::1%eth0", "fe80::/10", True),
        ("fd13::1", "fd12::/16", False),
    ],
)
def test_operators_may_allow_networks(address, allowed, is_good):
    assert (judge(address, networks(allowed)) is None) is is_good


@pytest.mark.parametrize("text", ["intranet", "10.0.0.1/8", "10.0.0.0/33"])
def test_what_is_no_network_is_said(text):
    with pytest.raises(ConfigurationError, match="CALIMPORT_ALLOWED_NETWORKS must be networks"):
        networks(text)


# Connections.


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.9",
        "127.9",
        "2130706441",
        "0x7f000009",
        "0x7f.0.0.9",
        "0177.0.0.011",
        "[::ffff:127.0.0.9]",
        "127.0.0.9.",
        "１２７.0.0.9",
        "127。0。0。9",
    ],
)
def test_however_an_address_is_written_it_is_judged(inside, host):
    found = get(f"http://{host}:{inside.port}/")
    assert isinstance(found, FeedAddressForbidden | FeedHostUnknown | SourceUnsupported)
    assert inside.asked == []


def test_a_name_is_judged_by_its_addresses(names, inside):
    names.answers["evil.example"] = [[INSIDE]]
    found = get(f"http://evil.example:{inside.port}/")
    assert (type(found), found.detail, inside.asked) == (
        FeedAddressForbidden,
        "evil.example is 127.0.0.9 (this machine); CALIMPORT_ALLOWED_NETWORKS could allow it",
        [],
    )
    assert "127" not in str(found)


def test_a_name_with_a_good_address_and_a_bad_one_is_reached_at_the_good_one(names, web, inside):
    names.answers["both.example"] = [[INSIDE, "::1", "127.0.0.1"]]
    web.feed(Reply(FEED))
    assert get(f"http://both.example:{web.port}/feed.ics").status == 200
    assert web.asked[0].headers["host"] == f"both.example:{web.port}"
    assert inside.asked == []


def test_a_name_is_looked_up_once_and_the_address_that_was_judged_is_connected_to(names, web):
    """DNS rebinding: good when it is judged, bad when it is connected to."""
    with serve(address=INSIDE, port=web.port) as inside:
        names.answers["rebinds.example"] = [["127.0.0.1"], [INSIDE]]
        web.feed(Reply(FEED))
        assert get(f"http://rebinds.example:{web.port}/feed.ics").status == 200
        assert names.asked == ["rebinds.example"]
        assert isinstance(get(f"http://rebinds.example:{web.port}/feed.ics"), FeedAddressForbidden)
        assert inside.asked == []


def test_a_name_that_changes_its_mind_between_two_requests_of_one_fetch_is_judged_again(names, web):
    with serve(address=INSIDE, port=web.port) as inside:
        names.answers["rebinds.example"] = [["127.0.0.1"], [INSIDE]]
        again = f"http://rebinds.example:{web.port}/again"
        web.feed(Reply(status=302, headers={"Location": again, "Connection": "close"}))
        assert isinstance(get(f"http://rebinds.example:{web.port}/feed.ics"), FeedAddressForbidden)
        assert inside.asked == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("host", [INSIDE, "[::ffff:127.0.0.9]", "inside.example", "2130706441", "169.254.169.254"])
def test_a_redirect_leads_nowhere_else(names, web, inside, status, host):
    names.answers["inside.example"] = [[INSIDE]]
    url = web.feed(Reply(status=status, headers={"Location": f"http://{host}:{inside.port}/"}))
    assert isinstance(get(url), FeedAddressForbidden)
    assert (len(web.asked), inside.asked) == (1, [])


def test_only_the_last_of_many_redirects_is_bad(web, inside):
    web.feed(Reply(status=302, headers={"Location": "/two"}), "/one")
    web.feed(Reply(status=302, headers={"Location": f"//{INSIDE}:{inside.port}/"}), "/two")
    assert isinstance(get(web.url("/one")), FeedAddressForbidden)
    assert inside.asked == []


@pytest.mark.parametrize("scheme", ["file", "ftp", "gopher", "unix", "data", "javascript"])
def test_a_redirect_to_another_scheme_is_not_followed(web, scheme):
    url = web.feed(Reply(status=302, headers={"Location": f"{scheme}://localhost/etc/passwd"}))
    found = get(url)
    assert (type(found).__name__, len(web.asked)) == ("SourceUnsupported", 1)


def test_no_credential_follows_a_redirect_to_another_host(names, web):
    names.answers |= {"one.example": [["127.0.0.1"]], "two.example": [["127.0.0.1"]]}
    web.feed(Reply(status=302, headers={"Location": f"http://two.example:{web.port}/two", "Set-Cookie": "a=b"}), "/one")
    web.feed(Reply(FEED), "/two")
    get(f"http://one.example:{web.port}/one", auth=Auth.bearer("secret"), headers={"X-Api-Key": "secret"})
    first, second = web.asked
    assert (first.headers["authorization"], first.headers["x-api-key"]) == ("Bearer secret", "secret")
    assert {"authorization", "x-api-key", "cookie", "referer"} & second.headers.keys() == set()


def test_the_environments_proxies_are_not_asked(monkeypatch, web, inside):
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, inside.root)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert get(web.feed(Reply(FEED))).status == 200
    assert inside.asked == []


def test_a_dead_first_address_does_not_hide_a_good_second_one(names, web):
    names.answers["two.example"] = [["127.0.0.2", "127.0.0.1"]]  # nobody listens on the first
    web.feed(Reply(FEED))
    assert get(f"http://two.example:{web.port}/feed.ics", allowed="127.0.0.0/30").status == 200


@pytest.mark.parametrize(
    ("addresses", "error"), [([], FeedHostUnknown), (["127.0.0.2", "127.0.0.3"], FeedConnectionFailed)]
)
def test_what_cannot_be_reached_is_said_as_before(names, web, addresses, error):
    names.answers["away.example"] = [addresses]
    found = get(f"http://away.example:{web.port}/", allowed="127.0.0.0/8")
    assert type(found) is error


def test_a_name_that_dns_cannot_hold_is_unknown(web):
    assert isinstance(get(f"http://{'a' * 70}.example:{web.port}/"), FeedHostUnknown)


def test_addresses_are_tried_in_turns_of_their_families():
    found = [(0, 0, 0, "", (one, 443)) for one in ("2600::1", "2600::2", "2600::3", "8.8.8.8", "8.8.4.4", "8.8.8.8")]
    assert network_guard.permitted("x", found, ()) == ["2600::1", "8.8.8.8", "2600::2", "8.8.4.4"]


# TLS.


@pytest.fixture
def trusted(monkeypatch, tmp_path) -> Iterator[Web]:
    """A server with a certificate for good.example, from an authority that is trusted here."""
    files = certificate(tmp_path, "good.example")
    context = ssl.create_default_context(cafile=files[0])
    monkeypatch.setattr("calimport.client.tls", lambda: context)
    with serve(files) as server:
        server.feed(Reply(FEED))
        yield server


def test_tls_is_verified_against_the_name_and_not_the_address(names, trusted):
    names.answers |= {"good.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
    assert get(f"https://good.example:{trusted.port}/feed.ics").status == 200
    assert isinstance(get(f"https://other.example:{trusted.port}/feed.ics"), FeedTlsInvalid)
    assert isinstance(get(f"https://127.0.0.1:{trusted.port}/feed.ics"), FeedTlsInvalid)


def test_a_connection_to_one_name_never_serves_another_at_the_same_address(names, trusted):
    names.answers |= {"good.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
    trusted.feed(Reply(status=302, headers={"Location": f"https://other.example:{trusted.port}/feed.ics"}), "/leads")
    assert isinstance(get(f"https://good.example:{trusted.port}/leads"), FeedTlsInvalid)
    assert [asked.path for asked in trusted.asked] == ["/leads"]


@pytest.fixture
def kept_alive(monkeypatch, names, web) -> Web:
    """A server with four names, that closes no connection."""
    monkeypatch.setattr(_Handler, "protocol_version", "HTTP/1.1")
    names.answers |= {f"{name}.example": [["127.0.0.1"]] for name in "abcd"}
    web.feed(Reply(FEED))
    web.feed(Reply(FEED, delay=0.5), "/slow.ics")
    return web


async def ask(web: Web, network: httpx.AsyncBaseTransport, name: str, path: str = "/feed.ics") -> None:
    async with Http(Settings(fetch_attempts=1, allowed_networks=INTERNET), network) as http:
        answer = await http.get(http.own(f"http://{name}.example:{web.port}{path}"))
    assert (answer.status, answer.content) == (200, FEED)


def test_connections_to_the_hosts_that_were_asked_last_stay_open(monkeypatch, names, kept_alive):
    monkeypatch.setattr(network_guard, "_MOST_HOSTS", 2)

    async def fetch() -> None:
        async with open_network(Settings(allowed_networks=INTERNET)) as network:
            for name in "aabcba":
                await ask(kept_alive, network, name)

    asyncio.run(fetch())
    # Once for each connection.
    assert names.asked == ["a.example", "b.example", "c.example", "a.example"]


def test_no_connection_that_is_used_is_closed_for_others(monkeypatch, names, kept_alive):
    monkeypatch.setattr(network_guard, "_MOST_HOSTS", 1)

    async def fetch() -> None:
        async with open_network(Settings(allowed_networks=INTERNET)) as network:
            slow = asyncio.create_task(ask(kept_alive, network, "a", "/slow.ics"))
            await asyncio.sleep(0.1)
            for name in "bcd":
                await ask(kept_alive, network, name)
            assert not slow.done()
            await slow

    asyncio.run(fetch())
    assert names.asked == [f"{name}.example" for name in "abcd"]


# Every way to the network.


def test_an_import_is_refused_with_a_sentence_for_the_owner(importer, inside):
    importer.settings = Settings(fetch_attempts=1)
    importer.add("club", inside.url("/"))
    importer.run()
    state = importer.state("club")
    assert (state["state"], state["error_class"], state["error_message"]) == (
        "bad_source",
        "FeedAddressForbidden",
        FeedAddressForbidden.sentence,
    )
    assert inside.asked == []


def test_a_check_is_guarded(inside):
    with pytest.raises(FeedAddressForbidden):
        checking.check_source(inside.url("/"), now=datetime(2026, 11, 18, tzinfo=UTC), settings=Settings())


@pytest.mark.parametrize("recorded", [False, True])
def test_a_preview_reaches_this_machine_where_it_is_named_and_nothing_that_it_is_led_to(
    names, monkeypatch, web, tmp_path, recorded
):
    """Whoever may read this machine's files may read its servers; what comes from outside may not."""
    monkeypatch.delenv("CALIMPORT_ALLOWED_NETWORKS")
    names.answers |= {"evil.example": [["127.0.0.1"]]}
    given: dict[str, Any] = {"start": "2026-11-18", "end": "2026-11-20"}
    given |= {"record": tmp_path / "exchange.har"} if recorded else {}
    web.feed(Reply(FEED))

    assert len(calimport.preview(web.url("/feed.ics"), **given)) == 1
    assert len(calimport.preview(f"http://localhost:{web.port}/feed.ics", **given)) == 1
    for url in (f"http://evil.example:{web.port}/feed.ics", "http://192.168.255.255/feed.ics"):
        with pytest.raises(FeedAddressForbidden):
            calimport.preview(url, **given)
    web.feed(Reply(status=302, headers={"Location": "http://10.255.255.255/"}), "/leads")
    with pytest.raises(FeedAddressForbidden):
        calimport.preview(web.url("/leads"), **given)


def test_googles_token_endpoint_is_guarded(web, inside):
    opened = guarded_requests.session(Settings(allowed_networks=INTERNET))
    web.feed(Reply(b"{}"), "/token")
    assert opened.post(web.url("/token"), timeout=2).json() == {}
    with pytest.raises(FeedAddressForbidden):
        opened.post(inside.url("/token"), timeout=2)
    web.feed(Reply(status=302, headers={"Location": inside.url("/token")}), "/leads")
    with pytest.raises(FeedAddressForbidden):
        opened.get(web.url("/leads"), timeout=2)
    assert inside.asked == []


def test_requests_verifies_the_name_too(names, trusted, tmp_path):
    names.answers |= {"good.example": [["127.0.0.1"]], "other.example": [["127.0.0.1"]]}
    opened = guarded_requests.session(Settings(allowed_networks=INTERNET))
    files = certificate(tmp_path, "good.example")
    with serve(files) as server:
        server.feed(Reply(b"{}"))
        good, other = (f"https://{name}.example:{server.port}/feed.ics" for name in ("good", "other"))
        assert opened.get(good, timeout=2, verify=files[0]).status_code == 200
        assert server.asked[0].headers["host"] == f"good.example:{server.port}"
        with pytest.raises(requests.exceptions.SSLError):
            opened.get(other, timeout=2, verify=files[0])


def test_google_is_asked_through_the_guard(monkeypatch, inside):
    """A service account's key names its token endpoint itself."""
    from calimport.sources import google_credentials

    private = rsa.generate_private_key(65537, 2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    key = {"type": "service_account", "client_email": "a@example.org", "private_key": private.decode()}
    extra = {"keyfile_dict": key | {"token_uri": inside.url("/token"), "project_id": "p"}}
    monkeypatch.setenv("AIRFLOW_CONN_GUARDED", json.dumps({"conn_type": "google_cloud_platform", "extra": extra}))
    with pytest.raises(FeedAddressForbidden):
        asyncio.run(google_credentials.access_token("guarded", Settings()))
    assert inside.asked == []


def test_without_the_guard_there_is_no_network(monkeypatch):
    """The guard takes the place of a part of httpx that has no public name; where it is gone, nothing connects."""
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "__init__", lambda *args, **kwargs: None)
    with pytest.raises(RuntimeError, match="httpx has changed"):
        network_guard.transport(Settings())


# When a calendar is saved.


@pytest.mark.parametrize(
    "source",
    [
        "http://127.0.0.1/a.ics",
        "webcal://localhost/a.ics",
        "https://[::1]/a.ics",
        "http://2130706433/a.ics",
        "http://app.localhost./a.ics",
        "http://192.168.1.1/a.ics",
        "http://169.254.169.254/latest/meta-data",
    ],
)
def test_an_address_that_is_written_as_one_inside_is_not_saved(monkeypatch, source):
    monkeypatch.delenv("CALIMPORT_ALLOWED_NETWORKS")
    with pytest.raises(ConfigurationError, match="leads to a computer that is not on the internet"):
        calendars.configure({"name": "Inside", "source": source})
    monkeypatch.setenv("CALIMPORT_ALLOWED_NETWORKS", "127.0.0.0/8,::1/128,192.168.1.0/24,169.254.0.0/16")
    assert calendars.configure({"name": "Inside", "source": source}).source == source


def test_the_command_line_says_which_setting_allows_it(monkeypatch, connection):
    monkeypatch.delenv("CALIMPORT_ALLOWED_NETWORKS")
    done = CliRunner().invoke(main, ["calendars", "add", "Inside", "http://10.1.2.3/a.ics"])
    assert (done.exit_code, done.output) == (
        1,
        "calimport: ConfigurationError: source: leads to a computer that is not on the internet. Whoever runs calimport"
        " can allow its network: 10.1.2.3 is 10.1.2.3 (a private network); CALIMPORT_ALLOWED_NETWORKS could allow it."
        "\n",
    )
