"""HTTP/1.1 requests with headers exactly as given."""

import http.client
from urllib.parse import urlsplit

from tests.e2e.answer import Answer, Headers

PATIENCE = 10.0  # seconds


def send(url: str, path: str = "/", headers: Headers = (), *, method: str = "GET", body: bytes = b"") -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body:
            connection.putheader("content-length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        given = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, given, response.read())
    finally:
        connection.close()
