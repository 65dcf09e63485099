"""What GitHub sends when it has found keys."""

import base64
import json

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PATH = "/v1/leak-reports/github"
KEY_ID = "bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c"
PAIR = ec.generate_private_key(ec.SECP256R1())
PLACE = "https://github.com/octocat/Hello-World/blob/12345600b9cb/foo/bar.txt"


def pem(pair: ec.EllipticCurvePrivateKey = PAIR) -> str:
    return pair.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def signed(body: bytes, pair: ec.EllipticCurvePrivateKey = PAIR, key_id: str = KEY_ID) -> dict[str, str]:
    """The headers of GitHub."""
    signature = base64.b64encode(pair.sign(body, ec.ECDSA(SHA256()))).decode()
    return {"github-public-key-identifier": key_id, "github-public-key-signature": signature}


def match(token: str, url: str = PLACE, source: str = "content") -> dict[str, str]:
    return {"token": token, "type": "acme_api_key", "url": url, "source": source}


def body_of(*matches: object) -> bytes:
    return json.dumps(matches).encode()
