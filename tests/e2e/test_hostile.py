"""What an attacker may put into credentials, paths, hosts and templates, through a hardened Envoy and a bare one.

The bare Envoy has its defaults: it passes paths on as they came and joins repeated headers. What it lets through, the
sidecar must withstand by itself.
"""

import http.client
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import pytest

from extauth.demo import services
from extauth.demo.ports import HOST
from extauth.demo.settings_files import envoy_parameters, write_yaml
from extauth.envoy.bootstrap import bootstrap
from tests.e2e.answer import Answer
from tests.e2e.running import IssuedKey, Running, free_base, running_stack
from tests.e2e.samples import scrape

_NORMALISATION = (
    "normalize_path",
    "merge_slashes",
    "path_with_escaped_slashes_action",
    "common_http_protocol_options",
    "early_header_mutation_extensions",
)
_ECHO = {"error": "{reason}", "path": "{path}", "endpoint": "{endpoint}", "method": "{method}", "key_id": "{key_id}"}
_APIS = [
    {
        "name": "files",
        "match": {"hosts": ["files.test"], "paths": ["/files"]},
        "credentials": [{"header": "x-api-key"}, {"query": "api_key"}, {"cookie": "session"}],
        "tenant": {"path": "/files/{tenant}"},
        "permissions": [
            {"paths": ["/files/{tenant}/secret"], "scopes": ["secret"]},
            {"scopes": ["read"]},
        ],
    },
    {
        "name": "text",
        "match": {"hosts": ["text.test"]},
        "credentials": [{"header": "x-api-key"}],
        "errors": {"default": {"body": "no: {method} {path}"}},
    },
]


@dataclass(frozen=True)
class Door:
    """An Envoy before the sidecar of these tests."""

    url: str
    stats: str
    stack: Running
    key: IssuedKey

    def send(
        self, target: bytes, headers: list[bytes], *, host: bytes = b"files.test", method: bytes = b"GET"
    ) -> Answer:
        """One HTTP/1.1 request, byte for byte."""
        lines = [method + b" " + target + b" HTTP/1.1", b"host: " + host, b"connection: close", *headers]
        address = urlsplit(self.url)
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
            response = http.client.HTTPResponse(connection)
            response.begin()
            return Answer(
                response.status, [(name.lower(), value) for name, value in response.getheaders()], response.read()
            )

    def get(self, target: bytes, *headers: bytes, host: bytes = b"files.test") -> Answer:
        """With the good key."""
        return self.send(target, [b"x-api-key: " + self.key.secret.encode(), *headers], host=host)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = {"apis": _APIS, "errors": {"default": {"body": _ECHO}}}
    with running_stack(tmp_path_factory.mktemp("hostile"), sidecar=settings) as running:
        yield running


@pytest.fixture(scope="module")
def key(stack: Running) -> IssuedKey:
    return stack.issue(tenant="acme", scopes=["read"])


@pytest.fixture(scope="module")
def bare_envoy(stack: Running) -> tuple[str, str]:
    """URLs of the listener and the admin port of an Envoy with its defaults."""
    base = free_base(2)
    listen, admin = f"{HOST}:{base}", f"{HOST}:{base + 1}"
    settings: dict[str, Any] = bootstrap(envoy_parameters(stack.layout))
    settings["admin"]["address"]["socket_address"]["port_value"] = base + 1
    (listener,) = settings["static_resources"]["listeners"]
    listener["address"]["socket_address"]["port_value"] = base
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    for name in _NORMALISATION:
        manager.pop(name)
    check = manager["http_filters"][0]["typed_config"]
    for name in ("encode_raw_headers", "validate_mutations", "allowed_headers"):
        check.pop(name)
    path = stack.layout.directory / "envoy-bare.yaml"
    write_yaml(path, settings)
    envoy = services.envoy("envoy-bare", path, stack.layout.log("envoy-bare"), f"http://{admin}")
    stack.supervisor.start(envoy)
    stack.supervisor.wait_until_ready(envoy)
    return f"http://{listen}", f"http://{admin}"


@pytest.fixture(params=["hardened", "bare"])
def door(request: pytest.FixtureRequest, stack: Running, key: IssuedKey, bare_envoy: tuple[str, str]) -> Door:
    if request.param == "bare":
        return Door(*bare_envoy, stack, key)
    return Door(stack.url, stack.layout.envoy_admin_url, stack, key)


def test_the_way_in_works(door: Door) -> None:
    answer = door.get(b"/files/acme/a?x=1")
    assert answer.status == 200
    assert answer.upstream_header("x-api-key") == []
    assert door.get(b"/files/acme/secret").status == 403
    assert door.get(b"/files/other/a").status == 401


# Credentials


@pytest.mark.parametrize(
    "lines",
    [
        [b"x-api-key: {key}", b"x-api-key: {key}"],
        [b"x-api-key: {key}", b"X-API-KEY: other"],
        [b"x-api-key: other", b"x-api-key: {key}"],
        [b"x-api-key: {key},{key}"],
        [b"x-api-key: ,{key}"],
        [b"x-api-key: {key}", b"cookie: session={key}"],
        [b"cookie: session={key}", b"cookie: session={key}"],
        [b"cookie: session={key}; session=x"],
    ],
)
def test_two_credentials_are_refused(door: Door, lines: list[bytes]) -> None:
    headers = [line.replace(b"{key}", door.key.secret.encode()) for line in lines]
    answer = door.send(b"/files/acme/a", headers)
    assert (answer.status, answer.reason) == (401, "ambiguous_key")


@pytest.mark.parametrize(
    "value",
    [
        b"{key}\xff",
        b"\xff\xfe{key}",
        b"{key}\xc3\xa9",
        b"{key} {key}",
        b"{key}\t{key}",
        b"{key};",
        b"{key}\rx",
        b'"{key}"',
        b"!" * 58,
    ],
)
def test_bytes_that_no_key_has_are_refused(door: Door, value: bytes) -> None:
    answer = door.send(b"/files/acme/a", [b"x-api-key: " + value.replace(b"{key}", door.key.secret.encode())])
    assert (answer.status, answer.reason) == (401, "malformed_key")


@pytest.mark.parametrize("value", [b"{key}\x00", b"{key}\x01"])
def test_control_characters_do_not_reach_the_sidecar(door: Door, value: bytes) -> None:
    answer = door.send(b"/files/acme/a", [b"x-api-key: " + value.replace(b"{key}", door.key.secret.encode())])
    assert (answer.status, answer.reason) == (400, None)


def test_a_folded_line_does_not_make_a_key(door: Door) -> None:
    secret = door.key.secret.encode()
    answer = door.send(b"/files/acme/a", [b"x-api-key: " + secret[:20] + b"\r\n " + secret[20:]])
    assert answer.status in {400, 401}


def test_a_header_that_the_connection_claims_is_gone_for_both(door: Door) -> None:
    headers = [b"x-api-key: " + door.key.secret.encode(), b"connection: x-api-key"]
    assert door.send(b"/files/acme/a", headers).status in {400, 401}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        (b"?api_key={key}", 200),
        (b"?a=1&api_key={key}&b=%20", 200),
        (b"?api_key={key}&api_key={key}", 401),
        (b"?api%5fkey={key}", 401),
        (b"?API_KEY={key}", 401),
        (b"?a=1;api_key={key}", 401),
        (b"?api_key={key}%0d%0ax: y", 401),
    ],
)
def test_keys_in_the_query(door: Door, query: bytes, status: int) -> None:
    if b" " in query:
        query = query.replace(b" ", b"%20")
    answer = door.send(b"/files/acme/a" + query.replace(b"{key}", door.key.secret.encode()), [])
    assert answer.status == status
    if status == 200:
        assert door.key.secret.encode() not in answer.body
        assert answer.upstream_header("x-auth-key-id") == [door.key.id]


# Paths: whatever is read here, the upstream must not read as another tenant's, or as the secret one


@pytest.mark.parametrize(
    "path",
    [
        b"/files/acme/%73ecret",
        b"/files/acme/./secret",
        b"/files/acme/x/../secret",
        b"/files/acme//secret",
        b"/files/acme/%2e/secret",
        b"/files/acme/secret;x=1",
        b"/files/acme/x/..;/secret",
        b"/files/acme/x%2f..%2fsecret",
        b"/files/acme%2fsecret",
        b"/files/acme/x%5c..%5csecret",
        b"/files/acme\\secret",
        b"/files/acme/secret%00",
        b"/files/acme/..%2fother/a",
        b"/files/acme/../other/a",
        b"/files/acme/%2e%2e/other/a",
        b"//files/other/a",
        b"/files/acme/..",
    ],
)
def test_no_spelling_of_a_path_opens_it(door: Door, path: bytes) -> None:
    """Refused, or resolved by Envoy for everyone alike; never passed on in a form that hides where it leads."""
    answer = door.get(path)
    assert answer.status in {400, 401, 403}, answer.body


@pytest.mark.parametrize(
    "path", [b"/files/acme/a%20b", b"/files/acme/%C3%A9", b"/files/acme/a.b/..c/d..", b"/files/acme/~x-_"]
)
def test_plain_escapes_are_no_offence(door: Door, path: bytes) -> None:
    assert door.get(path).status == 200


@pytest.mark.parametrize(
    "target", [b"/files/acme/a#/../secret", b"/files/acme/a?/../secret", b"/files/acme/a?//x;y=%2f"]
)
def test_what_follows_the_path_does_not_choose_the_rule(door: Door, target: bytes) -> None:
    assert door.get(target).status in {200, 400}


# Hosts


@pytest.mark.parametrize("host", [b"FILES.TEST", b"files.test:8443", b"files.test."])
def test_spellings_of_one_host(door: Door, host: bytes) -> None:
    assert door.get(b"/files/acme/a", host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        b"files.test,text.test",
        b"text.test@files.test",
        b"files.test.evil.test",
        b"evil-files.test",
        b"files%2etest",
        b"[files.test]",
    ],
)
def test_other_hosts_belong_to_no_api(door: Door, host: bytes) -> None:
    answer = door.get(b"/files/acme/a", host=host)
    assert answer.status in {400, 403}


def test_two_hosts_belong_to_no_api(door: Door) -> None:
    assert door.get(b"/files/acme/a", b"host: text.test").status in {400, 403}


def test_a_target_with_its_own_host_is_for_that_host(door: Door) -> None:
    assert door.get(b"http://files.test/files/acme/a", host=b"evil.test").status == 200
    assert door.get(b"http://evil.test/files/acme/a", host=b"files.test").status == 403


# Templates: what a client sent is echoed, and changes nothing


@pytest.mark.parametrize(
    "path",
    [
        b"/files/%0d%0aset-cookie:%20a=b",
        b'/files/"},"admin":true,"x":{"',
        b"/files/<script>",
        b"/files/{reason}{key_id}",
        b"/files/\xff",
    ],
)
def test_an_echoed_path_stays_a_string(door: Door, path: bytes) -> None:
    answer = door.send(path, [])
    assert answer.status in {400, 401}
    assert answer.header("set-cookie") is None
    if answer.reason is not None:
        assert list(answer.json) == list(_ECHO)
        assert answer.body.isascii()


def test_an_echoed_path_is_no_markup_in_text(door: Door) -> None:
    answer = door.send(b"/<script>alert(1)</script>", [], host=b"text.test")
    assert answer.status == 401
    assert answer.header("content-type") == "text/plain; charset=utf-8"
    assert answer.body in {
        b"no: GET /&lt;script&gt;alert(1)&lt;/script&gt;",
        b"no: GET /%3Cscript%3Ealert(1)%3C/script%3E",  # Envoy's normalisation escapes it before us
    }


# Sizes


def test_headers_of_60_kilobytes(door: Door) -> None:
    big = [b"x-fill-%d: " % number + b"a" * 5_500 for number in range(10)]
    assert door.get(b"/files/acme/a", *big).status == 200
    assert door.send(b"/files/acme/a", [b"x-api-key: " + b"a" * 50_000]).reason == "malformed_key"
    long_path = b"/files/acme/" + b"a" * 25_000
    assert door.get(long_path).status == 200
    answer = door.send(long_path, [])
    assert json.loads(answer.body)["path"] == long_path.decode()


def test_none_of_it_made_envoy_refuse_an_answer(door: Door) -> None:
    """`invalid` counts mutations that Envoy would not make; `error`, answers that it could not use."""
    door.get(b"/files/acme/a")
    stats = scrape(f"{door.stats}/stats/prometheus")
    for name in ("invalid", "error", "failure_mode_allowed"):
        labels = {"envoy_http_conn_manager_prefix": "ingress", "envoy_ext_authz_prefix": "extauth"}
        assert stats(f"envoy_http_ext_authz_{name}_total", **labels) == 0
