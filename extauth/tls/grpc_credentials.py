"""TLS for a gRPC server: grpcio asks at each handshake whether there is another certificate."""

import grpc

from extauth.tls.certificate import ServerCertificate
from extauth.tls.material import Material


def server_credentials(certificate: ServerCertificate) -> grpc.ServerCredentials:
    """For one server. grpcio calls back from threads of its own."""
    given = certificate.material

    def newest() -> grpc.ServerCertificateConfiguration | None:
        nonlocal given
        if certificate.material is given:
            return None
        given = certificate.material
        return _configuration(given)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(given),
        newest,  # type: ignore[arg-type] # None, for no change, is missing in its types
        require_client_authentication=certificate.asks_clients,
    )


def _configuration(material: Material) -> grpc.ServerCertificateConfiguration:
    return grpc.ssl_server_certificate_configuration([(material.key, material.certificates)], material.client_ca)
