"""TLS between Envoy and the sidecar."""

from ipaddress import ip_address

from envoy_data_plane.envoy.config.core.v3 import DataSource, TransportSocket
from envoy_data_plane.envoy.extensions.transport_sockets.tls.v3 import (
    CertificateValidationContext,
    CommonTlsContext,
    SubjectAltNameMatcher,
    SubjectAltNameMatcherSanType,
    TlsCertificate,
    TlsParameters,
    TlsParametersTlsProtocol,
    UpstreamTlsContext,
)
from envoy_data_plane.envoy.type.matcher.v3 import StringMatcher
from envoy_data_plane.google.protobuf import Any

from extauth.envoy.parameters import SidecarTls

_HTTP2 = "h2"  # grpcio refuses connections that do not ask for it


def transport_socket(tls: SidecarTls) -> TransportSocket:
    """Believes only the certificate of this name."""
    is_address = _is_address(tls.name)
    kind = SubjectAltNameMatcherSanType.IP_ADDRESS if is_address else SubjectAltNameMatcherSanType.DNS
    matcher = SubjectAltNameMatcher(san_type=kind, matcher=StringMatcher(exact=tls.name))
    context = CommonTlsContext(
        tls_params=TlsParameters(tls_minimum_protocol_version=TlsParametersTlsProtocol.TLSv1_2),
        alpn_protocols=[_HTTP2],
        tls_certificates=_own(tls),
        validation_context=CertificateValidationContext(
            trusted_ca=DataSource(filename=tls.ca_file), match_typed_subject_alt_names=[matcher]
        ),
    )
    upstream = UpstreamTlsContext(sni="" if is_address else tls.name, common_tls_context=context)
    return TransportSocket(name="envoy.transport_sockets.tls", typed_config=Any.pack(upstream))


def _own(tls: SidecarTls) -> list[TlsCertificate]:
    if tls.certificate_file is None or tls.key_file is None:
        return []
    return [
        TlsCertificate(
            certificate_chain=DataSource(filename=tls.certificate_file), private_key=DataSource(filename=tls.key_file)
        )
    ]


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
