"""What the parts of a cluster know each other by: one CA, a token of an administrator, a key that signs accounts."""

import json
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.certificates import CertificateAuthority, CertificateFiles

NODE = "10.99.0.1"
API = f"https://{NODE}:6443"
SERVICES = "10.96.0.0/16"
_API_SERVICE = "10.96.0.1"
DNS = "10.96.0.10"
_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Files in one folder."""

    authority: Path
    server: CertificateFiles
    tokens: Path
    """`--token-auth-file`."""
    accounts: Path
    """The key of service accounts' tokens."""
    kubeconfig: Path
    """An administrator's. The cluster's own parts use it too: who may do what in it is not what is tried."""


def make(folder: Path) -> Credentials:
    authority = CertificateAuthority(folder, "cluster")
    server = authority.sign("kube-apiserver", hosts=_NAMES, addresses=[NODE, _API_SERVICE])
    token = secrets.token_hex(16)
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{token},administrator,1,"system:masters"\n')
    accounts = folder / "accounts.key"
    key = rsa.generate_private_key(65537, 2048)
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    accounts.write_bytes(key.private_bytes(*form))
    kubeconfig = folder / "kubeconfig"
    cluster = {"server": API, "certificate-authority": str(authority.path)}
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "here", "cluster": cluster}],
                "users": [{"name": "administrator", "user": {"token": token}}],
                "contexts": [{"name": "here", "context": {"cluster": "here", "user": "administrator"}}],
                "current-context": "here",
            }
        )
    )
    return Credentials(authority.path, server, tokens, accounts, kubeconfig)
