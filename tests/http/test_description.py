"""The API keeps what its OpenAPI description promises, whatever is sent."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any

import httpx2
import jsonschema_rs
import pytest
import schemathesis
from fastapi import FastAPI
from fastapi.openapi.models import OpenAPI
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.specs.openapi.checks import negative_data_rejection

from recourse.resolution.model.commands import COMMANDS
from recourse.web.serving import make_server
from recourse.web.tokens import BearerRole
from tests.http.conftest import Orders, token

# Of a message that fits its description, the order may still refuse what does not fit the order.
ALSO_FINE = ["2xx", "401", "403", "404", "409", "410", "422"]
CONFIG = {
    "generation": {"allow-x00": True, "deterministic": True},
    "checks": {"positive_data_acceptance": {"expected-statuses": ALSO_FINE}},
}
GROUP = "described"
EXAMPLES = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """The API on a port of loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = make_server(app)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


def operations(address: str) -> Iterator[Any]:
    described = schemathesis.openapi.from_url(f"{address}/openapi.json", config=SchemathesisConfig.from_dict(CONFIG))
    found: Iterator[Any] = described.get_all_operations()
    for result in found:
        yield result.ok()


def caller_of(operation: Any) -> BearerRole:
    """Who gets furthest with it."""
    command = COMMANDS.get(operation.path.rpartition("/")[2])
    return next((role for role in command.roles if role != "system"), "service") if command else "service"


def misfit_body(case: Any) -> bool:
    body = case.meta.components.get(ParameterLocation.BODY)
    return body is not None and body.mode is GenerationMode.NEGATIVE


def call_often(operation: Any, mode: GenerationMode, order_id: str) -> None:
    role = caller_of(operation)
    headers = {"Authorization": f"Bearer {token(role)}"}

    @EXAMPLES
    @given(case=operation.as_strategy(generation_mode=mode))
    def call(case: Any) -> None:
        named = {"order_id": order_id, "group": GROUP}
        known = named.keys() & (case.path_parameters or {}).keys()
        if known:
            case.path_parameters |= {name: named[name] for name in known}
            if role == "service":
                case.query["as"] = "client"
        # A misfit only of a path, query or header may just have been mended by us.
        case.call_and_validate(headers=headers, excluded_checks=[] if misfit_body(case) else [negative_data_rejection])

    call()


def schemas(value: Any) -> Iterator[dict[str, Any]]:
    """Every schema of a description that says what it is by itself, when left out, or for example."""
    if isinstance(value, dict):
        if {"default", "example", "examples"} & value.keys():
            yield value
        for inner in value.values():
            yield from schemas(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from schemas(inner)


async def test_the_description_is_one_and_its_own_values_fit_it(http: httpx2.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()
    OpenAPI.model_validate(described)
    components = described["components"]["schemas"]
    for schema in components.values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    tried = 0
    for schema in schemas(described):
        examples = schema.get("examples", ())
        for value in [schema[key] for key in ("default", "example") if key in schema] + list(examples):
            fits = jsonschema_rs.validator_for({**schema, "components": {"schemas": components}})
            assert fits.is_valid(value), (value, schema)
            tried += 1
    assert tried > 50


async def test_the_defaults_that_it_gives_are_taken(http: httpx2.AsyncClient) -> None:
    components = (await http.get("/openapi.json")).json()["components"]["schemas"]
    headers = {"Authorization": f"Bearer {token('service')}"}
    for path, name in (("/tokens", "IssueToken"), ("/links", "IssueLink")):
        known = components[name]["properties"]
        body = {"role": "client", "id": "c-1", "lifetime": known["lifetime"]["default"]}
        assert (await http.post(path, json=body, headers=headers)).status_code == 201


async def test_no_call_is_answered_otherwise_than_described(address: str, order: Orders) -> None:
    order_id = await order(group=GROUP, part=1)

    def call_all() -> int:
        called = 0
        for operation, mode in product(operations(address), GenerationMode):
            takes_anything = operation.path in ("/healthz", "/readyz", "/payments/{provider}/events")
            if not (takes_anything and mode is GenerationMode.NEGATIVE):
                call_often(operation, mode, order_id)
                called += 1
        return called

    assert await asyncio.to_thread(call_all) > 2 * 2 * len(COMMANDS)
