"""CheckRequests as an Envoy could send them, put together from parts of which many are hostile."""

from collections.abc import Iterator
from functools import cache
from urllib.parse import quote

from tests.fuzz.checked import APIS, IMPORTED, Checked, settings_of
from tests.fuzz.choices import Choices
from tests.fuzz.target import Target
from tests.support.check_messages import check_request

NAMES = ("x-api-key", "authorization", "cookie", "x-tenant", "x-model", "x-forwarded-for", "content-type", "X-API-KEY")
PATHS = ("/v1/red/items", "/v1", "/exact", "/v1/%2e%2e/x", "/v1//x", "/v1;a=b", "*", "/", "/v1/red/items/", "/\udcff")
HOSTS = ("api.example.com", "a.acme.example:80", "red.example.org", "[::1]:443", "", ".", "API.example.com.", ":")
METHODS = ("GET", "POST", "CONNECT", "", "get", "OPTIONS")
AROUND = ("", " ", "\t", ",", ";", "Bearer ", "bearer  ", "ApiKey ", "session=", "key=", "\0", "é", "\r\n", '"', "%")
PARTS = 8


@cache
def _checked() -> Checked:
    return Checked(settings_of(*APIS))


def _run(data: bytes) -> None:
    _checked().ask(_message(Choices(data)))


def _message(choices: Choices) -> bytes:
    keys = (*_checked().good, *_checked().bad)
    path = choices.one_of(PATHS).encode(errors="ignore").decode()
    if choices.number(2):
        path += "?" + "&".join(f"{choices.one_of(('key', 'k%65y', 'Key', 'a'))}={_value(choices, keys)}" for _ in "ab")
    headers = [(choices.one_of(NAMES), _value(choices, keys)) for _ in range(choices.number(PARTS))]
    return check_request(
        headers,
        method=choices.one_of(METHODS),
        path=path,
        host=choices.one_of(HOSTS),
        raw=bool(choices.number(2)),
        context={"tier": "gold"} if choices.number(2) else None,
    )


def _value(choices: Choices, keys: tuple[str, ...]) -> str:
    parts = [choices.one_of(AROUND)]
    for _ in range(1 + choices.number(2)):
        key = choices.one_of(keys)
        parts.append((key, quote(key), f"%{ord(key[0]):02X}{key[1:]}", choices.text(), key.upper())[choices.number(5)])
        parts.append(choices.one_of(AROUND))
    return "".join(parts)


def _seeds() -> Iterator[bytes]:
    yield b""
    for number in range(64):
        yield bytes((number * step) % 256 for step in range(1, 40))


TARGET = Target("check_headers", _run, _seeds, (IMPORTED,), 256)
