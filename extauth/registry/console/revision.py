"""Which state of a thing a form was made from: a change is made only to what its sender has seen."""

from collections.abc import Collection, Mapping

FIELD = "revision"
"""The hidden field of forms that change something."""


def expected(form: Mapping[str, str]) -> Collection[int]:
    """The revision in a form; none at all, which nothing has, when it is not there or no number."""
    text = form.get(FIELD, "")
    return frozenset({int(text)} if text.isascii() and text.isdigit() and len(text) < 19 else ())  # noqa: PLR2004 (2**63)
