"""A client of the REST API for the command line: the standard library only, so that it starts at once."""

import http.client
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT = 15.0
"""Seconds: the longest wait for the registry to accept or to send something. It gives up a database that is silent
before, and says so."""
FILE_TIMEOUT = 60.0
"""Seconds: the same, for the work on a part of a file."""
_MAX_BYTES = 16 * 1024 * 1024
_TOKEN = re.compile(r"[!-~]+")
_PART = 64 * 1024
_JSON = {"content-type": "application/json"}
_PROBLEM = "application/problem+json"
_SUCCESS = range(200, 300)
_REFUSAL = range(400, 500)


class RefusedError(Exception):
    """The registry will not do it; the text names each field with its remedy."""


class UnreachableError(Exception):
    """The registry did not answer, or could not do its work."""


class Client:
    """One registry, one token. No call is repeated: the caller knows whether a second key would do harm."""

    def __init__(self, url: str, token: str, context: ssl.SSLContext | None = None) -> None:
        """ValueError, which never quotes the token, for a URL or token that cannot be used.

        `context` says who is trusted over https, and with what certificate to come; the system's CAs when left out.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ValueError("the registry's URL is not http://host:port or https://host:port")
        if not _TOKEN.fullmatch(token):
            raise ValueError("the token is empty, or has spaces or characters outside ASCII")
        self._place = f"{parts.scheme}://{parts.netloc}"
        self._context = context
        self._is_secure = parts.scheme == "https"
        self._host, self._port = parts.hostname, parts.port
        self._path = parts.path.rstrip("/")
        self._token = token

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str | int] | None = None,
        revision: int | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, Any]:
        """The JSON object of a successful answer, empty when it has none; RefusedError or UnreachableError.

        With `revision` nothing is changed when it is no longer the one of what is to be changed. With an
        `idempotency_key` what makes a secret may be asked for again, and is done once.
        """
        conditions = {} if revision is None else {"if-match": f'"{revision}"'}
        if idempotency_key is not None:
            conditions["idempotency-key"] = idempotency_key
        if body is None:
            return self._send(method, path, query, None, conditions)
        return self._send(method, path, query, json.dumps(body).encode(), {**conditions, **_JSON})

    def post_file(self, path: str, data: bytes, media_type: str, query: Mapping[str, str | int]) -> dict[str, Any]:
        """The JSON object of a successful answer to a file, or a part of one; RefusedError or UnreachableError."""
        return self._send("POST", path, query, data, {"content-type": media_type}, timeout=FILE_TIMEOUT)

    def download(self, path: str, query: Mapping[str, str | int]) -> Iterator[bytes]:
        """A file, some of it at a time; RefusedError or UnreachableError, also when it breaks off."""
        connection = self._connect()
        try:
            with self._reached():
                connection.request("GET", self._target(path, query), None, self._headers())
                response = connection.getresponse()
                if response.status not in _SUCCESS:
                    self._judge(response.status, response.headers.get_content_type(), response.read(_MAX_BYTES))
            while True:
                with self._reached():
                    part = response.read(_PART)
                if not part:
                    return
                yield part
        finally:
            connection.close()

    def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None,
        data: bytes | None,
        headers: Mapping[str, str],
        *,
        timeout: float = TIMEOUT,
    ) -> dict[str, Any]:
        with self._reached():
            answer = self._exchange(method, self._target(path, query), data, headers, timeout)
        return self._judge(*answer)

    def _target(self, path: str, query: Mapping[str, str | int] | None) -> str:
        return self._path + path + (f"?{urlencode(query)}" if query else "")

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self._token}"}

    @contextmanager
    def _reached(self) -> Iterator[None]:
        try:
            yield
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnreachableError(f"the registry at {self._place} is not reachable: {reason}") from None

    def _exchange(
        self, method: str, target: str, data: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> tuple[int, str, bytes]:
        connection = self._connect(timeout)
        try:
            connection.request(method, target, data, {**self._headers(), "accept": "application/json", **headers})
            response = connection.getresponse()
            return response.status, response.headers.get_content_type(), response.read(_MAX_BYTES)
        finally:
            connection.close()

    def _connect(self, timeout: float = TIMEOUT) -> http.client.HTTPConnection:
        if self._is_secure:
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout, context=self._context)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout)

    def _judge(self, status: int, media_type: str, data: bytes) -> dict[str, Any]:
        if status == HTTPStatus.NO_CONTENT:
            return {}
        try:
            answer = json.loads(data)
        except ValueError:
            answer = None
        if isinstance(answer, dict):
            if status in _SUCCESS:
                return answer
            if media_type == _PROBLEM and status in _REFUSAL:
                raise RefusedError(_explain(answer))
            if media_type == _PROBLEM:
                raise UnreachableError(f"the registry at {self._place} failed: {answer['detail']}")
        raise UnreachableError(f"{self._place} answered with status {status} and not as a registry does: is it one?")


def _explain(problem: Mapping[str, Any]) -> str:
    errors = problem["errors"]
    return "; ".join(_sentence(error) for error in errors) or str(problem["detail"])


def _sentence(error: Mapping[str, str]) -> str:
    fault = f"{error['field']} {error['message']}" if error["field"] else error["message"]
    return f"{fault}: {error['remedy']}" if error["remedy"] else fault
