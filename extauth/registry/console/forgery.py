"""Forms that others make a browser send are refused: cross-site request forgery.

Three things stand against it: the cookie is SameSite=Strict, the browser says where a form came from, and each form
has a text that only pages of the same session have.
"""

import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from extauth.registry.console.session import Session
from extauth.registry.errors import ForbiddenError

FIELD = "csrf"
"""The hidden field of each form."""
_OWN_SITES = frozenset({"same-origin", "none"})


def check_site(headers: Mapping[str, str]) -> None:
    """Raise ForbiddenError when the browser says that the form came from elsewhere.

    Sec-Fetch-Site goes before Origin, which a proxy that changes the host would make look foreign. Browsers send it
    over TLS and on loopback; what sends neither is no browser.
    """
    site = headers.get("sec-fetch-site")
    if site is not None:
        if site not in _OWN_SITES:
            raise _foreign()
        return
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != headers.get("host", "").lower():
        raise _foreign()


def check_token(session: Session, form: Mapping[str, str]) -> None:
    """Raise ForbiddenError unless the form was made for this session."""
    if not hmac.compare_digest(form.get(FIELD, "").encode(), session.csrf.encode()):
        raise ForbiddenError("this form is from an earlier session", "go back, reload the page and send it again")


def _foreign() -> ForbiddenError:
    return ForbiddenError("this form came from another site", "open the console itself and fill it in there")
