"""What `extauth envoy config` is told of TLS between Envoy and the sidecar."""

import click

from extauth.envoy.parameters import EnvoyParameters, SidecarTls
from extauth.settings.tls import ServerTls
from extauth.settings.values import host_and_port

_UNIX = "unix:"


def tls_of(
    settings: ServerTls, parameters: EnvoyParameters, files: tuple[str | None, str | None, str | None], name: str | None
) -> SidecarTls | None:
    """None when all addresses are unix sockets. `files` are the CA's, Envoy's certificate and its key.

    Raises UsageError that says what is missing.
    """
    kinds = {address.startswith(_UNIX) for address in parameters.sidecars}
    if kinds == {True}:
        return None
    if len(kinds) > 1:
        raise click.UsageError("TLS is spoken on TCP and not on unix sockets: name those that Envoy uses by --sidecar")
    ca_file, certificate, key = files
    if ca_file is None:
        raise click.UsageError("the sidecar speaks TLS (listen.tls): give --sidecar-ca FILE, as Envoy sees it")
    if settings.client_ca_file is not None and (certificate is None or key is None):
        raise click.UsageError("the sidecar asks for a certificate: give --certificate FILE and --certificate-key FILE")
    host = name or host_and_port(parameters.sidecars[0])[0]
    return SidecarTls(ca_file=ca_file, name=host, certificate_file=certificate, key_file=key)
