"""Asking servers whether they are there."""

import http.client
import socket
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

_PATIENCE = 2.0  # seconds


def http_status(url: str, headers: Mapping[str, str] | None = None, method: str = "GET") -> int:
    """The status of an answer; OSError when there is none."""
    place = urlsplit(url)
    connection = http.client.HTTPConnection(place.netloc, timeout=_PATIENCE)
    try:
        connection.request(method, urlunsplit(place._replace(scheme="", netloc="")) or "/", headers=dict(headers or {}))
        response = connection.getresponse()
        response.read()  # closing before the end would reset the connection, and servers log that
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
    return response.status


def redis_answers(path: Path) -> bool:
    """Whether a Redis on a unix socket takes commands."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE)
        connection.connect(str(path))
        connection.sendall(b"PING\r\n")
        return connection.recv(64).startswith(b"+PONG")
