"""Any text in place of a key: it is well-formed only if it is spelt as one, and only known ones are let in."""

from collections.abc import Iterator
from functools import cache

from extauth.keys import imported
from extauth.keys.mark import is_marked, mark
from extauth.keys.token import PREFIX_PATTERN, Token, generate, key_id_of, prefix_of
from tests.fuzz.checked import IMPORTED, Checked, settings_of
from tests.fuzz.target import Target
from tests.support.check_messages import check_request
from tests.support.keys import PEPPER


@cache
def _checked() -> Checked:
    return Checked(settings_of({"name": "any", "credentials": [{"header": "x-api-key"}]}))


def _run(data: bytes) -> None:
    text = data.decode(errors="replace")
    key_id = key_id_of(text)
    if key_id is not None:
        prefix, secret = prefix_of(text), text[-38:-6]
        assert str(Token(prefix, key_id, secret)) == text
        assert not is_marked(text)
    digests = {PEPPER.digest(text), imported.digest(PEPPER, imported.sha256_of(text)), PEPPER.digest(f"{text}x")}
    assert len(digests) == 3
    if imported.is_possible(text):
        assert 16 <= len(text) <= 512
        assert text.isascii()
    answer = _checked().ask(check_request([("x-api-key", data)], raw=True))
    if text.isprintable() and text.isascii() and not set(" ,") & set(text):
        assert (answer.kind == "ok") == (text in _checked().good), text
    assert not PREFIX_PATTERN.fullmatch(text) or generate(text).prefix == text


def _seeds() -> Iterator[bytes]:
    for key in (*_checked().good, *_checked().bad):
        yield key.encode()
        yield key[:-1].encode()
    yield from (b"", b"_" * 60, b"a_b", "\u0660".encode() * 52, mark("iss", "sub", "someone").encode())


TARGET = Target("key_texts", _run, _seeds, (IMPORTED, "test_"), 600)
