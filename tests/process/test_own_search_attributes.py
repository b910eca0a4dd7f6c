"""Search attributes of a marketplace's own: given at the start, checked, and found in Temporal."""

import asyncio
import json
import re
import secrets
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from recourse.errors import BadInput, OrderExists
from recourse.policies import load_policy
from recourse.runtime.names import workflow_id
from recourse.runtime.own_attributes import read_own, read_values
from recourse.runtime.search_attributes import SearchAttributesMissing, register_search_attributes
from recourse.runtime.settings import BadSettings, read_settings
from recourse.starter.client import Recourse
from recourse.starter.recovering import Recovery
from tests.patience import PATIENCE
from tests.process.conftest import Marketplace

PAGE = Path(__file__).parents[2] / "docs" / "extending.md"
POLICY = load_policy("resolution_center")
OWN = "Category=Keyword Country=Keyword Milestones=Int Rush=Bool"
CATEGORY = "Category=Keyword"


def block(language: str, holding: str) -> str:
    """An example of the page."""
    blocks = re.findall(rf"```{language}\n(.*?)\n```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    [found] = [one for one in blocks if holding in one]
    return str(found)


def of_one(marketplace: Marketplace, search_attributes: str) -> Recourse:
    """A backend that knows these search attributes."""
    return Recourse(
        marketplace.client,
        marketplace.recourse.pool,
        task_queue=marketplace.queue,
        search_attributes=search_attributes,
    )


async def lists(client: Client, query: str, wanted: set[str]) -> None:
    """Return once Temporal, whose lists lag, lists these workflows."""
    async with asyncio.timeout(PATIENCE):
        while {flow.id async for flow in client.list_workflows(query)} != wanted:  # noqa: ASYNC110 - what it waits for is on the server
            await asyncio.sleep(0.05)


async def test_the_example_of_the_page_works_and_a_revived_order_is_found_as_before(marketplace: Marketplace) -> None:
    [own] = re.findall(r'RECOURSE_SEARCH_ATTRIBUTES="(.+)"', block("sh", "RECOURSE_SEARCH_ATTRIBUTES"))
    assert own == OWN
    given = json.loads(block("json", '"search"'))
    query = block("sql", "Category").replace("'operator'", "'freelancer'")
    recourse = of_one(marketplace, own)
    await register_search_attributes(marketplace.client, read_own(own))
    terms, other = marketplace.terms(**given), marketplace.terms(search={**given["search"], "Milestones": 2})
    for one in (terms, other):
        await recourse.start(one, POLICY)
    mine = f"{query} AND TaskQueue = '{marketplace.queue}'"
    await lists(marketplace.client, mine, {workflow_id(terms.order_id)})

    # The start is the same with the same values alone.
    await recourse.start(terms, POLICY)
    with pytest.raises(OrderExists):
        await recourse.start(terms.model_copy(update={"search": None}), POLICY)

    await marketplace.by("client", terms.order_id, "message", comment="Hello")
    await marketplace.handle(terms.order_id).terminate()
    await Recovery(recourse).revive(terms.order_id)
    await lists(marketplace.client, f"{mine} AND ExecutionStatus = 'Running'", {workflow_id(terms.order_id)})


@pytest.mark.parametrize(
    ("search", "said"),
    [
        (
            {"Kind": "logo"},
            "search.Kind is not in RECOURSE_SEARCH_ATTRIBUTES, which has Category, Country, M…",
        ),
        ({"Category": 3}, "search.Category is a text"),
        ({"Milestones": "3"}, "search.Milestones is a whole number"),
        ({"Milestones": True}, "search.Milestones is a whole number"),
        ({"Rush": 1}, "search.Rush is true or false"),
    ],
)
async def test_a_value_that_cannot_be_is_refused_before_anything_starts(
    marketplace: Marketplace, search: dict[str, Any], said: str
) -> None:
    terms = marketplace.terms(search=search)
    with pytest.raises(BadInput) as refused:
        await of_one(marketplace, OWN).start(terms, POLICY)
    assert f"Order {terms.order_id}: {said.rstrip('…')}" in str(refused.value)


async def test_an_order_waits_for_the_worker_that_creates_them_and_then_starts(
    marketplace: Marketplace, temporal_address: str
) -> None:
    new, terms = f"new-{secrets.token_hex(3)}", marketplace.terms(search={"Category": "logo"})
    await marketplace.client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace=new, workflow_execution_retention_period=Duration(seconds=86_400))
    )
    there = await Client.connect(temporal_address, namespace=new, data_converter=marketplace.client.data_converter)
    recourse = Recourse(there, marketplace.recourse.pool, search_attributes=CATEGORY)
    with pytest.raises(SearchAttributesMissing, match="Start a worker with RECOURSE_SEARCH_ATTRIBUTES"):
        await recourse.start(terms, POLICY)
    await register_search_attributes(there, read_own(CATEGORY))
    await recourse.start(terms, POLICY)
    described = await there.get_workflow_handle(workflow_id(terms.order_id)).describe()
    assert described.search_attributes["Category"] == ["logo"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Category", "each part is NAME=KIND, not Category"),
        ("Category=Text", "not Category=Text"),
        ("RecoursePhase=Keyword", "not RecoursePhase=Keyword"),
        ("A=Int A=Int", "the name A is there twice"),
        (" ".join(f"A{n}=Int" for n in range(11)), "there are more than 10"),
    ],
)
def test_a_setting_that_cannot_be_read_says_why(monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    monkeypatch.setenv("RECOURSE_SEARCH_ATTRIBUTES", text)
    with pytest.raises(BadSettings, match=f"RECOURSE_SEARCH_ATTRIBUTES: .*{said}"):
        read_settings()


def test_what_is_typed_is_of_the_kind_of_its_name() -> None:
    typed = ["Category=2024", "Milestones=-3", "Rush=true", "Country=a=b"]
    assert read_values(typed, read_own(OWN)) == {"Category": "2024", "Milestones": -3, "Rush": True, "Country": "a=b"}
    with pytest.raises(ValueError, match="is NAME=VALUE, not Rush"):
        read_values(["Rush"], read_own(OWN))
