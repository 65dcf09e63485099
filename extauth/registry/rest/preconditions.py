"""Entity tags (RFC 9110, 8.8.3) from revisions, and If-Match: a change is made only to what its sender has seen."""

import re
from collections.abc import Collection
from typing import Annotated

from fastapi import Header, Response

_TAG = re.compile(r'"([0-9]{1,18})"')

IfMatch = Annotated[
    str | None,
    Header(alias="if-match", description="The ETag of what was seen; with another one nothing is changed (412)."),
]


def expected_revisions(if_match: str | None) -> Collection[int] | None:
    """None when any revision will do. Tags that were not made here, weak ones too, match nothing."""
    if if_match is None or if_match.strip() == "*":
        return None
    matches = (_TAG.fullmatch(tag.strip()) for tag in if_match.split(","))
    return frozenset(int(match[1]) for match in matches if match)


def set_tag(response: Response, revision: int) -> None:
    response.headers["etag"] = f'"{revision}"'
