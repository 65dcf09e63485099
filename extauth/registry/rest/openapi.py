"""The description of the API (OpenAPI 3.1): what FastAPI sees of the routes, and what guard and roles add to them."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import FastAPI

from extauth.registry.identity import Role
from extauth.registry.rest.problems import SCHEMA, response
from extauth.registry.roles import PERMISSIONS, Permission

_SECONDS = {"description": "Seconds to wait.", "schema": {"type": "integer"}}
_RESPONSES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "400": ("The body cannot be read", {}),
    "401": ("No valid admin token", {"WWW-Authenticate": {"schema": {"type": "string"}}}),
    "403": ("The token's role or tenant rules this out", {"WWW-Authenticate": {"schema": {"type": "string"}}}),
    "404": ("Not there, or of another tenant", {}),
    "408": ("The body took too long", {}),
    "409": ("Its state rules this out, or the same request is still at work", {}),
    "413": ("The body is too large", {}),
    "422": ("Some fields cannot be taken as they are", {}),
    "429": ("Too many requests without a valid token from this address", {"Retry-After": _SECONDS}),
    "500": ("A fault of the registry's own", {}),
    "503": ("The database does not answer", {"Retry-After": _SECONDS}),
}


class Api(FastAPI):
    """The application, which describes itself."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = _completed(super().openapi())
        return self.openapi_schema


def _completed(description: dict[str, Any]) -> dict[str, Any]:
    components = description.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = dict(SCHEMA)
    components["responses"] = {
        status: {**response(text), "headers": dict(headers)} for status, (text, headers) in _RESPONSES.items()
    }
    for path, operations in description["paths"].items():
        for method, operation in operations.items():
            permission = PERMISSIONS.get((method.upper(), path))
            if permission is None or not permission.roles:
                operation.pop("security", None)
                continue
            operation["description"] = "\n\n".join(filter(None, [operation.get("description"), _needs(permission)]))
            for status in _statuses(method, operation):
                operation["responses"].setdefault(status, {"$ref": f"#/components/responses/{status}"})
    return description


def _needs(permission: Permission) -> str:
    roles = ", ".join(role.value for role in Role if role in permission.roles)
    return f"Roles: {roles}." + ("" if permission.of_tenants else " Not for tokens of one tenant.")


def _statuses(method: str, operation: Mapping[str, Any]) -> Iterator[str]:
    """What may be answered apart from success; a route's own answers come first."""
    yield from ("401", "403", "429", "500", "503", "413", "408")
    places = {parameter["in"] for parameter in operation.get("parameters", ())}
    if "path" in places or method != "get":
        yield "404"
    if "query" in places or method != "get":
        yield "422"
    if method != "get":
        yield from ("400", "409")
