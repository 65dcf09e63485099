"""registry.yaml, section `leak_reports`: who may report keys that were found in the open, so that they are revoked."""

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from extauth.registry.leak_signatures import public_key
from extauth.settings.model import Settings
from extauth.settings.values import Duration


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
        usable = value.isascii() and value.isprintable() and " " not in value and "@" not in parts.netloc
    except ValueError:
        host, usable = "", False
    if not host or not usable or not (parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))):
        raise ValueError(
            "is not a URL to trust keys from: use https://host/path; http:// is for loopback addresses only"
        )
    return value


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pem(value: str) -> str:
    if public_key(value) is None:
        raise ValueError("is not the public key of an ECDSA P-256 pair: use its PEM")
    return value


class PublicKeySettings(Settings):
    """A public key of the reporter."""

    id: str = Field(min_length=1, max_length=128)
    """As the header Github-Public-Key-Identifier names it."""
    pem: Annotated[str, AfterValidator(_pem)]
    """The key, in PEM."""


class GithubSettings(Settings):
    """GitHub's secret scanning partner alerts, at POST /v1/leak-reports/github. GitHub must be able to reach it."""

    public_keys_url: Annotated[str, AfterValidator(_url)] | None = None
    """Where GitHub's keys are read: https://api.github.com/meta/public_keys/secret_scanning."""
    public_keys: tuple[PublicKeySettings, ...] = Field(default=(), max_length=16)
    """The keys themselves, in place of the URL."""
    timeout: Duration = Field(default=5.0, ge=0.1, le=15)
    """How long reading the keys may take."""

    @model_validator(mode="after")
    def _one_source(self) -> "GithubSettings":
        if (self.public_keys_url is None) == (not self.public_keys):
            raise ValueError("keys come from one place: use either public_keys_url or public_keys")
        return self


class LeakReportSettings(Settings):
    """Reports of leaked keys. Each reporter is off unless it is set up."""

    github: GithubSettings | None = None
    """GitHub's secret scanning."""
