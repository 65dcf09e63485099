"""What becomes of a proxy's question on its way to the decision, and of the answer."""

import pytest

from extauth.check import answer
from extauth.check.client_address import address_reader
from extauth.check.request import Request, read
from extauth.policy.client_address import ClientAddress
from extauth.policy.reasons import Reason
from extauth.serving.http_check.messages import ORIGINAL, RawHeaders, read_response, write_request

X_ORIGINAL = [
    (b"x-original-method", b"POST"),
    (b"x-original-uri", b"/a?b=%2F"),
    (b"x-original-host", b"api.example.com:443"),
]
X_FORWARDED = [(name.replace(b"original", b"forwarded"), value) for name, value in X_ORIGINAL]


def asked(headers: RawHeaders, kind: str = "x-original") -> Request | None:
    message = write_request(headers, ORIGINAL[kind], {"tier": "gold"})  # type: ignore[index] # one of the two
    return None if message is None else read(message)


def test_what_the_decision_gets_to_see() -> None:
    request = asked([*X_ORIGINAL, (b"host", b"extauth"), (b"x-mine", b"1"), (b"x-mine", b"2")])
    assert request is not None
    assert (request.method, request.path, request.query) == ("POST", "/a", "b=%2F")
    assert (request.host, request.context, dict(request.headers)) == (
        "api.example.com",
        {"tier": "gold"},
        {"x-mine": "1,2"},
    )


@pytest.mark.parametrize(
    "headers",
    [
        X_FORWARDED,
        [*X_ORIGINAL, X_ORIGINAL[0]],
        X_ORIGINAL[1:],
        [(b"x-original-method", b""), *X_ORIGINAL[1:]],
        [X_ORIGINAL[0], (b"x-original-uri", b"http://other/"), X_ORIGINAL[2]],
    ],
    ids=["of the other kind", "twice", "without a method", "an empty method", "a whole URL"],
)
def test_what_tells_of_no_request(headers: RawHeaders) -> None:
    assert asked(headers) is None


@pytest.mark.parametrize("header", [None, "x-envoy-external-address"])
def test_the_clients_address_is_what_the_proxy_says(header: str | None) -> None:
    address_of = address_reader(ClientAddress.model_validate({"header": header}))
    lie = (b"x-envoy-external-address", b"198.51.100.1")
    request = asked([*X_ORIGINAL, lie, (b"x-original-address", b"203.0.113.9")])
    assert request is not None
    assert address_of(request) == "203.0.113.9"
    request = asked([*X_FORWARDED, lie, (b"x-forwarded-for", b"198.51.100.7, 203.0.113.9")], "x-forwarded")
    assert request is not None
    assert address_of(request) == "203.0.113.9"
    request = asked([*X_ORIGINAL, lie])
    assert request is not None
    assert address_of(request) == ""


def test_bodies_in_headers() -> None:
    """In one line, or not at all: no body can end the header that it stands in."""
    denial = answer.deny(Reason.NO_POLICY, 403, [("x-a", "é")], 'a\r\nset-cookie: b"\n')
    found = read_response(denial, ORIGINAL["x-original"])
    assert (found.status, found.body) == (403, b'a\r\nset-cookie: b"\n')
    assert found.headers == [(b"x-a", "é".encode()), (b"x-extauth-body", b'a  set-cookie: b" ')]
    long = answer.deny(Reason.NO_POLICY, 403, [], "x" * 3000)
    assert read_response(long, ORIGINAL["x-original"]).headers == []
    assert read_response(denial, ORIGINAL["x-forwarded"]).headers == [(b"x-a", "é".encode())]


def test_a_fault_of_ours_is_a_503() -> None:
    found = read_response(answer.fail(Reason.UNAVAILABLE, 503, [("a", "b")], "later"), ORIGINAL["x-forwarded"])
    assert found == (503, [(b"a", b"b")], b"later")


@pytest.mark.parametrize("message", [b"", answer.allow([("a", "b")], [])[2:]], ids=["nothing", "no status"])
def test_what_is_no_clear_pass_is_none(message: bytes) -> None:
    """Zero bytes are a pass to Envoy."""
    assert read_response(message, ORIGINAL["x-forwarded"]).status == 503
    assert read_response(answer.allow([("a", "b")], []), ORIGINAL["x-forwarded"]).status == 200
