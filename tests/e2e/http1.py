"""HTTP/1.1 requests with headers exactly as given; Host is the address unless there is one among them."""

import http.client
from urllib.parse import urlsplit

from tests.e2e.answer import Answer, Headers

PATIENCE = 30.0  # seconds


def send(url: str, path: str = "/", headers: Headers = (), *, method: str = "GET", body: bytes = b"") -> Answer:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
    try:
        names_host = any(name.lower() == "host" for name, _ in headers)
        connection.putrequest(method, path, skip_host=names_host, skip_accept_encoding=True)
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
