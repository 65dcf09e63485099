"""Envoy's text format of access logs, turned round: from a format string to a pattern that reads such lines.

https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage
"""

import re
from collections.abc import Mapping

_DEFAULT = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "
    '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"'
)
WITH_IDENTITY = f'{_DEFAULT} "%REQ(X-AUTH-KEY-ID)%" "%REQ(X-AUTH-TENANT)%"'
USUAL_FORMATS = (WITH_IDENTITY, _DEFAULT)
"""Envoy's own with the identity behind it, and without."""

_OPERATOR = re.compile(r"%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::\d+)?%")
_OTHER_NAMES = {":method": "method", ":path": "path", "start_time": "time"}


def pattern_of(text: str) -> tuple[re.Pattern[str], Mapping[str, int]]:
    """What matches a line of this format, and the group of each name: of an operator, or of a request header.

    What an operator stands for ends where the text after it begins: quotes make it safe to have spaces in it.
    """
    text = text.replace("\\n", "").strip("\r\n")
    names: dict[str, int] = {}
    parts: list[str] = []
    end = 0
    for number, match in enumerate(_OPERATOR.finditer(text), start=1):
        parts.append(re.escape(text[end : match.start()]))
        end = match.end()
        parts.append(f"([^{re.escape(text[end])}]*)" if end < len(text) else "(.*)")
        names.setdefault(_name(match), number)
    parts.append(re.escape(text[end:]))
    return re.compile("".join(parts)), names


def _name(match: re.Match[str]) -> str:
    operator, argument = match[1].lower(), (match[2] or "").lower()
    if operator == "dynamic_metadata":
        return argument.rpartition(":")[2]
    name = argument if operator == "req" else operator
    return _OTHER_NAMES.get(name, name)
