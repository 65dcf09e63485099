"""The JSON of reports of leaked keys: GitHub's, which is as it is, and ours."""

import hashlib
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from extauth.registry import fields, times
from extauth.registry.key import State
from extauth.registry.leaks import Found, Leak, LeakPage
from extauth.registry.rest.shapes import GivenQuery, ShownBody, ShownTime

_LONGEST_TYPE, _LONGEST_SOURCE, _LONGEST_URL = 100, 64, 2048


class MatchBody(BaseModel):
    """One match of GitHub's. What it does not know of here it may add; what is too long is cut, and still revoked."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="ignore", use_attribute_docstrings=True)

    token: str = Field(max_length=4096, repr=False)
    """What was found."""
    type: str = ""
    """As was agreed upon with GitHub."""
    url: str = ""
    """Where it was found; may be empty."""
    source: str = ""
    """In what kind of place."""

    def found(self) -> Found:
        return Found(
            self.token,
            _plain(self.type, _LONGEST_TYPE),
            _plain(self.source, _LONGEST_SOURCE).lower(),
            _plain(self.url, _LONGEST_URL),
        )


MATCHES = TypeAdapter(list[MatchBody])


class FeedbackBody(ShownBody):
    """What GitHub wants to know of a match. It has the token, which need not travel once more."""

    token_hash: str
    """SHA-256 in hexadecimal digits."""
    token_type: str
    label: Literal["true_positive", "false_positive"]
    """Whether it is, or was, a key of ours."""

    @classmethod
    def of(cls, match: MatchBody, *, is_ours: bool) -> "FeedbackBody":
        digest = hashlib.sha256(match.token.encode(errors="surrogatepass")).hexdigest()
        label: Literal["true_positive", "false_positive"] = "true_positive" if is_ours else "false_positive"
        return cls(token_hash=digest, token_type=match.type, label=label)


class LeakQuery(GivenQuery):
    """Which leaks are listed."""

    tenant: str = ""
    key: str = Field(default="", max_length=12, pattern="^[0-9A-Za-z]*$")
    """Id of a key."""
    cursor: str = ""
    """next_cursor of the page before."""
    limit: int = Field(default=50, ge=1, le=fields.MAX_LIMIT)


class LeakBody(ShownBody):
    """A key that was found in the open."""

    id: str
    key: str
    """Id of the key."""
    tenant: str
    reporter: str
    type: str
    """As the reporter calls what it looks for."""
    source: str
    """In what kind of place it was found."""
    url: str
    """Where; may be empty."""
    key_state: State
    """What the key was when the report came. It is revoked since."""
    reported_at: ShownTime

    @classmethod
    def of(cls, leak: Leak) -> "LeakBody":
        return cls(
            id=leak.id,
            key=leak.key_id,
            tenant=leak.tenant,
            reporter=leak.reporter,
            type=leak.type,
            source=leak.source,
            url=leak.url,
            key_state=State(leak.key_state),
            reported_at=times.to_rfc3339(leak.reported_at),
        )


class LeakPageBody(ShownBody):
    """Some leaks, newest first."""

    items: list[LeakBody]
    next_cursor: str
    """Empty on the last page."""

    @classmethod
    def of(cls, page: LeakPage) -> "LeakPageBody":
        return cls(items=[LeakBody.of(leak) for leak in page.leaks], next_cursor=page.next_cursor)


def _plain(text: str, longest: int) -> str:
    """What any database can keep, and a terminal show."""
    return "".join(character for character in text[:longest] if character.isprintable())
