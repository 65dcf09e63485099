"""registry.yaml, section `console`: signing in with an OpenID provider, and who is what then."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from extauth.bearer.settings import Algorithm, IssuerSettings, JwksSettings, Url
from extauth.registry.identity import Role
from extauth.settings.model import Settings
from extauth.settings.values import Duration, SecretReference

_Text = Annotated[str, Field(min_length=1, max_length=512)]
RETURN_PATH = "/console/oidc/return"
"""Where the provider sends people back to."""


class OidcGrant(Settings):
    """Who has `value` in the claim has this role."""

    value: _Text
    """What the claim has to be or to contain."""
    role: Role
    """viewer, editor or owner."""
    tenant: str | None = Field(default=None, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    """The tenant whose things may be seen; all tenants' when left out."""


class OidcSettings(Settings):
    """An OpenID provider. Its addresses are in its /.well-known/openid-configuration."""

    issuer: _Text
    """The exact `iss` of its ID tokens."""
    authorization_url: Url
    """Its `authorization_endpoint`."""
    token_url: Url
    """Its `token_endpoint`."""
    jwks_url: Url
    """Its `jwks_uri`."""
    client_id: _Text
    """As the console is registered there."""
    client_secret: SecretReference | None = None
    """Sent to the token endpoint as HTTP Basic authentication; left out for a public client. PKCE is used anyhow."""
    redirect_url: Url
    """The console's own address as browsers see it, such as https://registry.example.com/console/oidc/return."""
    scopes: tuple[_Text, ...] = ("openid", "email")
    """What is asked for; openid has to be among them."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    """Signature algorithms of ID tokens that are accepted; no shared secrets."""
    name_claim: _Text = "email"
    """What people are called in the console, and keys are made by; `sub` for whom the claim is absent."""
    claim: _Text = "groups"
    """The claim that says what somebody may do: a string, or a list of strings."""
    grants: Annotated[tuple[OidcGrant, ...], Field(min_length=1, max_length=256)]
    """The first that fits holds; whom none fits may not sign in."""
    timeout: Duration = Field(default=5.0, gt=0, le=30)
    """Longest time for one question to the provider as a whole."""
    leeway: Duration = Field(default=30.0, ge=0, le=300)
    """How far the provider's clock may be off."""
    ca_file: Path | None = None
    """CA bundle in PEM for https://; the system's when left out."""

    @model_validator(mode="after")
    def _fits(self) -> "OidcSettings":
        if "openid" not in self.scopes:
            raise ValueError("has scopes without openid, and would get no ID token: add it")
        if not self.redirect_url.partition("?")[0].endswith(RETURN_PATH):
            raise ValueError(f"has a redirect_url of something else: it ends with {RETURN_PATH}")
        if any(grant.role is Role.PUBLISHER for grant in self.grants):
            raise ValueError("has a grant of the role publisher, which has nothing to see: use viewer, editor or owner")
        self.token_issuer()
        return self

    def token_issuer(self) -> IssuerSettings:
        """The rules for its ID tokens (OpenID Connect Core 1.0, 3.1.3.7)."""
        jwks = JwksSettings(url=self.jwks_url, timeout=self.timeout, ca_file=self.ca_file)
        return IssuerSettings(
            name="console",
            issuer=self.issuer,
            audiences=(self.client_id,),
            jwks=jwks,
            algorithms=self.algorithms,
            leeway=self.leeway,
        )


class ConsoleSettings(Settings):
    """The console."""

    oidc: OidcSettings | None = None
    """Signing in with an OpenID provider, beside admin tokens. Needs `pip install extauth[bearer]`."""
