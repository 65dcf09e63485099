"""Our Lua scripts, each loaded from its file, and running one so that a Redis which forgot it is taught again."""

import hashlib
from dataclasses import dataclass
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class Script:
    """A script's text and its SHA-1, by which EVALSHA knows it."""

    text: str
    sha: str


def _read(*names: str) -> Script:
    folder = files("extauth.store") / "lua"
    text = "".join((folder / f"{name}.lua").read_text(encoding="utf-8") for name in names)
    return Script(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


LEAD = _read("lead")
RELEASE = _read("release")
ADMIT = _read("admit")
BEGIN = _read("begin")
ANNOUNCE = _read("announce")
PUT_RECORDS = _read("put_records")
REMOVE_RECORD = _read("remove_record")
SPEND = _read("bucket", "spend")
LEASE = _read("bucket", "lease")
BEAT = _read("beat")

FOR_CHECKS = (SPEND, LEASE, BEAT)
"""What a Redis that forgot one of them is taught while checks go on."""
