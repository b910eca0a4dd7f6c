"""The reference that the server carries: calls at /docs, every error at /docs/errors; without network or script."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from recourse.web.errors import other_errors, refusals
from recourse.web.pages.rendering import environment
from recourse.web.problems import EXPLAINED_AT

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cache-Control": "no-cache",
}


def add_reference(app: FastAPI) -> None:
    """Serve the reference of `app`; it needs no token, as it says nothing of orders."""
    described = _Described(app)

    async def paths(request: Request) -> HTMLResponse:
        return _page(request, "reference.html", about=described)

    async def errors(request: Request) -> HTMLResponse:
        return _page(request, "errors.html", refusals=list(refusals()), others=list(other_errors()))

    app.add_api_route("/docs", paths, include_in_schema=False)
    app.add_api_route(EXPLAINED_AT, errors, include_in_schema=False)


def _page(request: Request, template: str, **said: Any) -> HTMLResponse:
    text = environment.get_template(template).render(base=request.scope["root_path"], **said)
    return HTMLResponse(text, headers=_HEADERS)


class _Described:
    """The OpenAPI description as a page needs it."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    @cached_property
    def _openapi(self) -> Mapping[str, Any]:
        return self._app.openapi()

    @property
    def title(self) -> str:
        return str(self._openapi["info"]["title"])

    @cached_property
    def groups(self) -> dict[str, list[dict[str, Any]]]:
        """The calls by their tag, in the order of the description."""
        found: dict[str, list[dict[str, Any]]] = {}
        for path, methods in self._openapi["paths"].items():
            for method, call in methods.items():
                found.setdefault(call["tags"][0], []).append(
                    {
                        "method": method.upper(),
                        "path": path,
                        "about": call.get("description") or call["summary"],
                        "summary": call["summary"] if call.get("description") else "",
                        "parameters": [_parameter(each) for each in call.get("parameters", ())],
                        "body": _type(_schema_of(call.get("requestBody", {}))),
                        "answers": {
                            status: (answer["description"], _type(_schema_of(answer)))
                            for status, answer in call["responses"].items()
                        },
                    }
                )
        return found

    @cached_property
    def models(self) -> dict[str, dict[str, Any]]:
        """What calls take and answer, by name: what it is about, and its fields."""
        return {
            name: {"about": schema.get("description", ""), "fields": list(_fields(schema)), "type": _type(schema)}
            for name, schema in sorted(self._openapi["components"]["schemas"].items())
        }


def _parameter(parameter: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": parameter["name"],
        "where": parameter["in"],
        "required": parameter.get("required", False),
        "type": _type(parameter["schema"]),
        "about": parameter.get("description", ""),
    }


def _schema_of(body: Mapping[str, Any]) -> Mapping[str, Any]:
    for content in body.get("content", {}).values():
        found: Mapping[str, Any] = content.get("schema", {})
        return found
    return {}


def _fields(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield {
            "name": name,
            "required": name in required,
            "type": _type(field),
            "about": field.get("description", ""),
        }


def _type(schema: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """The type in words, in pieces; a piece is marked where it is the name of a model."""
    if "$ref" in schema:
        return [(schema["$ref"].rpartition("/")[2], True)]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            pieces: list[tuple[str, bool]] = []
            for one in schema[key]:
                pieces += [(" or ", False)] if pieces else []
                pieces += _type(one)
            return pieces
    if "const" in schema:
        return [(str(schema["const"]), False)]
    if "enum" in schema:
        return [(", ".join(map(str, schema["enum"])), False)]
    if schema.get("type") == "array":
        return [("list of ", False), *_type(schema.get("items", {}))]
    if isinstance(schema.get("additionalProperties"), Mapping):
        return [("object of ", False), *_type(schema["additionalProperties"])]
    return [(str(schema.get("format") or schema.get("type", "")), False)]
