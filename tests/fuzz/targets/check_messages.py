"""Any bytes in place of a CheckRequest: always an answer, and never an ALLOW without a key that is in force."""

from collections.abc import Iterator
from functools import cache

from tests.fuzz.checked import APIS, IMPORTED, Checked, settings_of
from tests.fuzz.target import Target
from tests.support.check_messages import check_request


@cache
def _checked() -> Checked:
    return Checked(settings_of(*APIS))


def _run(data: bytes) -> None:
    _checked().ask(data)


def _seeds() -> Iterator[bytes]:
    checked = _checked()
    for raw in (False, True):
        for key in (*checked.good, *checked.bad):
            yield check_request({"x-api-key": key}, path="/v1/red/items", raw=raw)
            yield check_request({"authorization": f"Bearer {key}"}, method="POST", raw=raw, context={"tier": "gold"})
        yield check_request({"cookie": f"a=b; session={IMPORTED}"}, path=f"/exact?key={IMPORTED}", raw=raw)
        yield check_request([("x-api-key", IMPORTED)], host="x.other", raw=raw)


TARGET = Target(
    "check_messages", _run, _seeds, (IMPORTED, "x-api-key", "session=", "?key=", "Bearer ", "/v1/red/items")
)
