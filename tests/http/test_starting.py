"""Starting orders over HTTP."""

from typing import Any

import pytest

from tests.http.conftest import Callers
from tests.process.conftest import Marketplace


def terms(marketplace: Marketplace, **over: Any) -> dict[str, Any]:
    return {**marketplace.terms().model_dump(mode="json", exclude={"history"}), **over}


async def test_an_order_that_has_started_can_be_read_at_once(marketplace: Marketplace, by: Callers) -> None:
    agreed = terms(marketplace)
    started = await by("service").post("/orders", {"terms": agreed, "policy": "glimmer"})
    assert started.status_code == 201
    assert started.json() == {
        "order_id": agreed["order_id"],
        "workflow_id": f"order-{agreed['order_id']}",
        "policy": "glimmer",
        "can_be_read": True,
    }
    assert (await by("client").get(started.headers["location"])).json()["phase"] == "in_progress"


async def test_starting_it_again_changes_nothing_and_other_terms_are_refused(
    marketplace: Marketplace, by: Callers
) -> None:
    agreed = terms(marketplace)
    first = await by("service").post("/orders", {"terms": agreed})
    again = await by("service").post("/orders", {"terms": agreed})
    dearer = await by("service").post("/orders", {"terms": {**agreed, "price": 1}})
    assert first.json() == again.json()
    assert (dearer.status_code, dearer.json()["code"]) == (409, "order_exists")
    assert dearer.json()["type"] == "/docs/errors#order_exists"


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"price": "much"}, "terms.price"),
        ({"price": 0}, "terms.price"),
        ({"delivery_time": "soon"}, "terms.delivery_time"),
        ({"order_id": "a/b"}, "terms.order_id"),
        ({"colour": "red"}, "terms.colour"),
        ({"ordered_at": "2025-01-01"}, "terms.ordered_at"),
    ],
)
async def test_terms_that_cannot_be_used_are_named(
    marketplace: Marketplace, by: Callers, wrong: dict[str, Any], where: str
) -> None:
    refused = await by("service").post("/orders", {"terms": terms(marketplace, **wrong)})
    assert (refused.status_code, refused.json()["code"]) == (422, "malformed")
    assert list(refused.json()["details"]["problems"]) == [f"body.{where}"]


@pytest.mark.parametrize("policy", ["", "no_such_policy", "/etc/passwd", "../policies/glimmer.toml"])
async def test_only_the_policies_of_the_server_can_be_named(marketplace: Marketplace, by: Callers, policy: str) -> None:
    refused = await by("service").post("/orders", {"terms": terms(marketplace), "policy": policy})
    assert refused.status_code == 422
    assert "resolution_center" in refused.json()["details"]["problems"]["policy"]


@pytest.mark.parametrize(
    "changed",
    [
        {"currency": "UDS"},
        {"currency": "XXX"},
        {"currency": "DEM"},
        {"ordered_at": 1_700_000_000},
        {"ordered_at": "1700000000"},
        {"price": 10_000.5},
        {"price": "10000"},
        {"price": True},
    ],
    ids=str,
)
async def test_terms_that_no_order_can_have_are_named(
    marketplace: Marketplace, by: Callers, changed: dict[str, Any]
) -> None:
    refused = await by("service").post("/orders", {"terms": {**terms(marketplace), **changed}})
    assert refused.status_code == 422
    [problem] = refused.json()["details"]["problems"]
    assert problem.removeprefix("body.") == f"terms.{next(iter(changed))}"


async def test_whole_numbers_may_be_written_with_a_fraction_of_zero(marketplace: Marketplace, by: Callers) -> None:
    body = {"terms": {**terms(marketplace), "price": 10_000.0, "service_fee": 550.0}}
    assert (await by("service").post("/orders", body)).status_code == 201
    order_id = body["terms"]["order_id"]
    asked = {"kind": "partial_refund", "amount": 1000.0}
    answer = await by("freelancer").post(f"/orders/{order_id}/commands/request", asked)
    assert (answer.status_code, answer.json()["status"]) == (200, "applied"), answer.text


async def test_addresses_for_mail_are_kept_beside_the_order(marketplace: Marketplace, by: Callers) -> None:
    body = {"terms": terms(marketplace), "client_email": "c@example.org"}
    assert (await by("service").post("/orders", body)).status_code == 201
    kept = await marketplace.recourse.pool.fetch("SELECT role, email FROM contacts")
    assert [tuple(row) for row in kept] == [("client", "c@example.org")]


@pytest.mark.parametrize(
    "address",
    [
        *("", "c", "c@x y", "c@x\r\nBcc: d@example.org", "jos..e@x.example", "jose.@x.example", ".jose@x.example"),
        *("<a@b.example>", "a,b@x.example", "anna@example.com.", '"quoted"@x.example', "x@y@z", "a\x00@x.example"),
        f"{'a' * 320}@x.example",
    ],
)
async def test_an_address_that_no_mail_reaches_is_refused_by_name(
    marketplace: Marketplace, by: Callers, address: str
) -> None:
    agreed = terms(marketplace)
    for field in ("client_email", "freelancer_email"):
        refused = await by("service").post("/orders", {"terms": agreed, field: address})
        assert refused.status_code == 422
        [(where, why)] = refused.json()["details"]["problems"].items()
        assert where == f"body.{field}"
        assert why.startswith(("is not one e-mail address", "String should have at most"))
        assert ("a dot before the @" in why) is ("jose" in address or "jos.." in address)
    assert (await by("operator").get(f"/orders/{agreed['order_id']}")).status_code == 404


async def test_addresses_that_cannot_be_kept_are_no_fault_of_the_call(
    marketplace: Marketplace, by: Callers, pool: Any
) -> None:
    body = {"terms": terms(marketplace), "client_email": "c@example.org"}
    await pool.execute("ALTER TABLE contacts RENAME TO elsewhere")
    away = await by("service").post("/orders", body)
    assert (away.status_code, away.json()["code"]) == (503, "database_unreachable")
    await pool.execute("ALTER TABLE elsewhere RENAME TO contacts")
    assert (await by("service").post("/orders", body)).status_code == 201
    assert await pool.fetchval("SELECT email FROM contacts") == "c@example.org"


async def test_an_order_that_began_elsewhere_comes_as_it_was(marketplace: Marketplace, by: Callers) -> None:
    agreed = terms(marketplace, ordered_at="2025-03-03T09:00:00Z")
    state = {"phase": "in_progress", "since": "2025-03-03T09:00:00Z", "due_at": "2999-03-08T09:00:00Z", "released": 500}
    body = {"terms": agreed, "policy": "upwork", "state": state}
    started = await by("service").post("/orders", body)
    assert started.status_code == 201
    assert (await by("client").get(started.headers["location"])).json()["due_at"] == "2999-03-08T09:00:00Z"
    other = await by("service").post("/orders", {**body, "state": {**state, "released": 600}})
    assert (other.status_code, other.json()["code"]) == (409, "order_exists")

    wrong = {**state, "revisions": 1, "released": 10_001}
    refused = await by("service").post("/orders", {"terms": terms(marketplace), "state": wrong})
    assert (refused.status_code, refused.json()["code"]) == (422, "bad_opening")
    assert [one.split(":")[0] for one in refused.json()["details"]["contradictions"]] == [
        "state.since",
        "state.revisions",
        "state.released, refunded",
    ]


async def test_what_people_call_an_order_is_given_at_its_start_and_changed_later(
    marketplace: Marketplace, by: Callers
) -> None:
    body = {"terms": terms(marketplace), "display": {"title": "Logo for a bakery", "freelancer_name": "Ada"}}
    assert (await by("service").post("/orders", body)).status_code == 201
    page = f"/orders/{body['terms']['order_id']}"
    assert (await by("client").get(page)).json()["display"] == body["display"]
    changed = {"title": "Another logo", "link": "https://market.example/1"}
    answer = await by("service").put(f"{page}/display", changed)
    assert (answer.status_code, answer.json()) == (200, changed)
    assert (await by("freelancer").get(page)).json()["display"] == changed
    [listed] = [one for one in (await by("client").get("/orders")).json()["orders"] if one["display"] == changed]
    assert listed["order_id"] == body["terms"]["order_id"]
    assert (await by("service").put(f"{page}/display", {})).status_code == 200
    assert "display" not in (await by("client").get(page)).json()


async def test_only_the_marketplace_says_what_people_call_an_order(marketplace: Marketplace, by: Callers) -> None:
    body = {"terms": terms(marketplace), "display": {"title": "Logo", "link": "http://market.example"}}
    refused = await by("service").post("/orders", body)
    why = "must be an address such as https://market.example/orders/1002"
    assert (refused.status_code, refused.json()["details"]["problems"]) == (422, {"body.display.link": why})
    del body["display"]["link"]
    assert (await by("service").post("/orders", body)).status_code == 201
    page = f"/orders/{body['terms']['order_id']}/display"
    assert (await by("client").put(page, {"title": "Mine"})).status_code == 403
    assert (await by("operator").put(page, {"title": "Mine"})).status_code == 403
    assert (await by("service").put(page, {"title": " "})).status_code == 422
    assert (await by("service").put("/orders/nobodys/display", {"title": "x"})).status_code == 404
