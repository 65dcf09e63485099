"""A client of the REST API for the command line: the standard library only, so that it starts at once."""

import http.client
import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

TIMEOUT = 10.0
"""Seconds: the longest wait for the registry to accept or to send something."""
_MAX_BYTES = 16 * 1024 * 1024
_TOKEN = re.compile(r"[!-~]+")
_PROBLEM = "application/problem+json"
_SUCCESS = range(200, 300)
_REFUSAL = range(400, 500)


class RefusedError(Exception):
    """The registry will not do it; the text names each field with its remedy."""


class UnreachableError(Exception):
    """The registry did not answer, or could not do its work."""


class Client:
    """One registry, one token. No call is repeated: the caller knows whether a second key would do harm."""

    def __init__(self, url: str, token: str) -> None:
        """ValueError, which never quotes the token, for a URL or token that cannot be used."""
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise ValueError("the registry's URL is not http://host:port or https://host:port")
        if not _TOKEN.fullmatch(token):
            raise ValueError("the token is empty, or has spaces or characters outside ASCII")
        self._place = f"{parts.scheme}://{parts.netloc}"
        self._connection_type = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
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
    ) -> dict[str, Any]:
        """The JSON object of a successful answer, empty when it has none; RefusedError or UnreachableError.

        With `revision` nothing is changed when it is no longer the one of what is to be changed.
        """
        target = self._path + path + (f"?{urlencode(query)}" if query else "")
        conditions = {} if revision is None else {"if-match": f'"{revision}"'}
        try:
            answer = self._exchange(method, target, body, conditions)
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise UnreachableError(f"the registry at {self._place} is not reachable: {reason}") from None
        return self._judge(*answer)

    def _exchange(
        self, method: str, target: str, body: Mapping[str, Any] | None, conditions: Mapping[str, str]
    ) -> tuple[int, str, bytes]:
        connection = self._connection_type(self._host, self._port, timeout=TIMEOUT)
        headers = {"authorization": f"Bearer {self._token}", "accept": "application/json", **conditions}
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            connection.request(method, target, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.headers.get_content_type(), response.read(_MAX_BYTES)
        finally:
            connection.close()

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
