"""What can be read over HTTP is what the rules say, in the types that the description promises."""

import re
import secrets
from typing import Any

import httpx2
import pytest

from recourse.resolution.model.record import verify
from tests.http.conftest import Caller, Callers, Orders, token
from tests.process.conftest import Marketplace

READERS = ("client", "freelancer", "operator")
MARKER = "For operators only: PRIVATE-MARKER"


async def disputed(order: Orders, by: Callers, **terms: Any) -> str:
    """An order with everything that a page can show: a request with a private note, a case, an offer, a proposal."""
    order_id = await order("upwork", **terms)
    await by("client").give(order_id, "message", comment="How far are you?")
    note = {"private_note": MARKER, "comment": "Nothing came.", "amount": 2_000, "reason": "other"}
    await by("client").give(order_id, "request", kind="cancel", **note)
    await by("freelancer").give(order_id, "decline", comment="I worked for days.")
    await by("client").give(order_id, "message", comment="I saw nothing.")
    await by("client").give(order_id, "escalate", comment="Please decide.")
    await by("freelancer").give(order_id, "settle", amount=6_000)
    await by("operator").give(order_id, "propose", amount=4_000, explanation="In the middle.")
    return order_id


@pytest.mark.parametrize("reader", READERS)
async def test_a_page_is_the_rules_own_view_of_it(
    marketplace: Marketplace, order: Orders, by: Callers, reader: Any
) -> None:
    order_id = await disputed(order, by)
    shown = (await by(reader).get(f"/orders/{order_id}")).json()
    assert shown == (await marketplace.recourse.order(order_id).show(reader)).model_dump(mode="json")


async def test_nothing_private_reaches_a_party_on_any_path(order: Orders, by: Callers) -> None:
    order_id = await disputed(order, by)
    for reader in READERS:
        texts = [
            (await by(reader).get(f"/orders/{order_id}{path}")).text for path in ("", "/actions", "/notices", "/record")
        ]
        assert any("PRIVATE-MARKER" in text for text in texts) is (reader == "operator")


async def test_an_action_is_listed_with_its_bounds_and_until_when(order: Orders, by: Callers) -> None:
    order_id = await disputed(order, by)
    actions = (await by("client").get(f"/orders/{order_id}/actions")).json()["actions"]
    shown = (await by("client").get(f"/orders/{order_id}")).json()
    assert actions["settle"]["amount"] == {"at_least": 2_000, "at_most": 10_000}
    assert actions["accept"]["until"] == shown["case"]["proposal"]["due_at"]
    assert "rule" in (await by("operator").get(f"/orders/{order_id}/actions")).json()["actions"]


async def test_a_preview_tells_what_then_happens(order: Orders, by: Callers) -> None:
    order_id = await order()
    ahead = (await by("client").post(f"/orders/{order_id}/previews/request", {"kind": "cancel"})).json()
    assert ahead["phase"] == "in_progress"
    assert ahead["if_accepted"]["money"] == {
        "client": 10_550,
        "freelancer": 0,
        "platform": 0,
        "contested": 0,
        "held": 0,
    }
    await by("client").give(order_id, "request", kind="cancel")
    await by("freelancer").give(order_id, "accept")
    shown = (await by("client").get(f"/orders/{order_id}")).json()
    assert {key: shown[key] for key in ("phase", "money")} == {
        key: ahead["if_accepted"][key] for key in ("phase", "money")
    }


async def test_a_preview_of_a_refusal_says_so_and_leaves_no_entry(order: Orders, by: Callers) -> None:
    order_id = await order()
    ahead = await by("client").post(f"/orders/{order_id}/previews/deliver")
    assert (ahead.status_code, ahead.json()["refused"]) == (200, "role_not_allowed")
    assert (await by("operator").get(f"/orders/{order_id}")).json()["record_length"] == 0


@pytest.mark.parametrize("reader", READERS)
async def test_an_exported_record_verifies_as_it_came(order: Orders, by: Callers, reader: Any) -> None:
    order_id = await disputed(order, by)
    exported = (await by(reader).get(f"/orders/{order_id}/record")).json()
    head = (await by("operator").get(f"/orders/{order_id}/record")).json()["head"]
    assert exported["for"] == reader
    assert verify(exported, head) == []


async def test_notices_are_the_callers_own(order: Orders, by: Callers) -> None:
    order_id = await disputed(order, by)
    told = (await by("freelancer").get(f"/orders/{order_id}/notices")).json()
    assert {notice["to"] for notice in told} == {"freelancer"}
    assert "request_opened" in [notice["name"] for notice in told]


async def test_a_service_reads_as_whom_it_names_and_as_an_operator_by_default(order: Orders, by: Callers) -> None:
    order_id = await disputed(order, by)
    as_client = await by("service").get(f"/orders/{order_id}", **{"as": "client"})
    assert as_client.json() == (await by("client").get(f"/orders/{order_id}")).json()
    assert "private_note" in (await by("service").get(f"/orders/{order_id}")).json()["request"]


async def test_a_party_lists_its_own_orders_a_page_at_a_time(order: Orders, by: Callers) -> None:
    mine = sorted([await order(), await order(), await order()])
    await order(client="c-2")
    first = (await by("client").get("/orders", limit=2)).json()
    rest = (await by("client").get("/orders", limit=2, after=first["next"])).json()
    assert [row["order_id"] for row in first["orders"] + rest["orders"]] == mine
    assert rest["next"] is None
    assert len((await by("freelancer").get("/orders")).json()["orders"]) == 4
    assert len((await by("operator").get("/orders")).json()["orders"]) == 4


async def test_a_list_holds_prices_and_where_the_money_is(order: Orders, by: Callers) -> None:
    order_id = await order(group="site", part=2)
    await by("freelancer").give(order_id, "deliver")
    await by("client").give(order_id, "complete")
    [row] = (await by("service").get("/orders")).json()["orders"]
    shown = (await by("service").get(f"/orders/{order_id}")).json()
    assert row["money"] == {key: shown["money"][key] for key in row["money"]}
    assert sum(row["money"].values()) == row["price"] + row["service_fee"] == 10_550
    assert {name: row[name] for name in ("client", "freelancer", "currency", "phase", "how", "group", "part")} == {
        "client": "c-1",
        "freelancer": "f-1",
        "currency": "USD",
        "phase": "completed",
        "how": None,
        "group": "site",
        "part": 2,
    }


async def test_a_list_is_narrowed_by_each_filter(order: Orders, by: Callers) -> None:
    canceled = await order(client="c-2")
    await by("client", "c-2").give(canceled, "request", kind="cancel")
    await by("freelancer").give(canceled, "accept")
    soon = await order(delivery_time="1d", group="site", part=1)
    late = await order("upwork", delivery_time="9d", freelancer="f-2")
    shop = by("service")

    async def found(caller: Caller = shop, /, **filters: Any) -> list[str]:
        answer = await caller.get("/orders", **filters)
        assert answer.status_code == 200, answer.text
        return [row["order_id"] for row in answer.json()["orders"]]

    assert await found(party="client:c-2") == await found(phase="canceled") == [canceled]
    assert await found(party="freelancer:f-2") == await found(policy="upwork") == [late]
    assert await found(group="site") == [soon]
    assert await found(due_before="9999-12-31T00:00:00Z") == [soon, late]
    assert await found(due_before="9999-12-31T00:00:00Z", policy="upwork") == [late]
    assert await found(by("client"), party="freelancer:f-2") == [late]
    assert await found(by("client"), party="client:c-1", phase="canceled") == []
    foreign = await by("client").get("/orders", party="client:c-2")
    assert (foreign.status_code, foreign.json()["code"]) == (403, "forbidden")

    rows = (await shop.get("/orders", updated_after="2020-01-01T00:00:00Z")).json()["orders"]
    assert [row["order_id"] for row in rows] == [canceled, soon, late]
    await by("freelancer").give(soon, "deliver")
    assert await found(updated_after="2020-01-01T00:00:00Z") == [canceled, late, soon]
    assert await found(updated_after="2020-01-01T00:00:00Z", due_before="9999-12-31T00:00:00Z") == [late, soon]
    assert await found(updated_after="9999-12-31T00:00:00Z") == []
    for filters in ({"due_before": "9999-12-31T00:00:00Z"}, {"updated_after": "2020-01-01T00:00:00Z"}):
        everything, paged = await found(**filters), list[str]()
        after: str | None = ""
        while after is not None:
            page = (await shop.get("/orders", **filters, after=after, limit=1)).json()
            paged += [row["order_id"] for row in page["orders"]]
            after = page["next"]
        assert paged == everything


@pytest.mark.parametrize(
    ("filters", "wrong"),
    [
        ({"phase": "gone"}, "query.phase"),
        ({"party": "c-1"}, "query.party"),
        ({"party": "operator:op-1"}, "query.party"),
        ({"due_before": "soon"}, "query.due_before"),
        ({"updated_after": "0001-01-01T00:00:00+05:00"}, "query.updated_after"),
        ({"updated_after": "2020-01-01T00:00:00Z", "after": "t-1"}, "query.after"),
        ({"due_before": "2020-01-01T00:00:00"}, "query.due_before"),
        ({"updated_since": "2020-01-01T00:00:00Z"}, "query.updated_since"),
    ],
)
async def test_a_filter_that_says_nothing_is_refused(by: Callers, filters: Any, wrong: str) -> None:
    answer = await by("service").get("/orders", **filters)
    assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
    assert list(answer.json()["details"]["problems"]) == [wrong]


async def test_an_unknown_key_of_a_query_is_refused_everywhere_and_the_known_ones_are_named(
    http: httpx2.AsyncClient,
) -> None:
    headers = {"Authorization": f"Bearer {token('service')}"}
    described = (await http.get("/openapi.json")).json()["paths"]
    for path, methods in described.items():
        for method, operation in methods.items():
            known = sorted(one["name"] for one in operation.get("parameters", []) if one["in"] == "query")
            answer = await http.request(
                method, path.replace("{", "").replace("}", ""), params={"x": 1}, headers=headers
            )
            said = (
                f"is not known here; known are {', '.join(known)}" if known else "is not known here, nor is any other"
            )
            assert answer.status_code == 422, (method, path)
            assert answer.json()["details"]["problems"] == {"query.x": said}


async def test_the_queue_has_the_undecided_cases_those_due_next_first(order: Orders, by: Callers) -> None:
    waiting = [await disputed(order, by), await disputed(order, by)]
    await order()
    decided = await disputed(order, by)
    await by("operator").give(decided, "rule", outcome="continue", explanation="Go on.")

    first = (await by("operator").get("/queue", limit=1)).json()
    rest = (await by("operator").get("/queue", after=first["next"])).json()
    shown = first["cases"] + rest["cases"]
    assert sorted(row["order_id"] for row in shown) == sorted(waiting)
    # Both may be due in the same second, and then stand by their ids.
    assert shown == sorted(shown, key=lambda row: (row["due_at"], row["order_id"]))
    assert {(row["stage"], row["turn"], row["overdue"]) for row in rest["cases"]} == {("mediation", "both", False)}
    assert rest["next"] is None


async def test_a_case_waits_for_nobody_while_its_order_is_on_hold(order: Orders, by: Callers) -> None:
    order_id = await disputed(order, by)
    held = await by("operator").give(order_id, "hold", explanation="A card may be stolen.")
    assert held.json()["turn"]["who"] == "operator"
    assert held.json()["next"]["name"] == "hold_ends"
    assert [row["order_id"] for row in (await by("operator").get("/queue")).json()["cases"]] == []

    page = (await by("client").get(f"/orders/{order_id}")).json()
    assert page["hold"] == {"until": held.json()["turn"]["until"]}
    assert page["case"]["due_at"] is None
    assert (await by("operator").give(order_id, "lift_hold")).json()["turn"]["who"] != "nobody"
    assert [row["order_id"] for row in (await by("operator").get("/queue")).json()["cases"]] == [order_id]


async def test_a_place_in_the_queue_that_is_none_is_malformed(by: Callers) -> None:
    no_instants = ("x", "2025-01-01", "2025-01-01T00:00", "0001-01-01T00:00:00+05:00", "")
    for after in (*(f"{at}~t-1" for at in no_instants), "x", "ü", "%", "2025-01-01T00:00:00Z 1"):
        answer = await by("operator").get("/queue", after=after)
        assert (answer.status_code, answer.json()["code"]) == (422, "malformed")
        assert list(answer.json()["details"]["problems"]) == ["query.after"]


async def test_a_place_survives_an_address_as_it_is(
    order: Orders, by: Callers, http: httpx2.AsyncClient, marketplace: Marketplace
) -> None:
    for number in range(2):
        order_id = await order(order_id=f"A.b_c:{number}-{secrets.token_hex(4)}")
        for role, command, fields in (
            ("client", "request", {"kind": "cancel", "comment": "x"}),
            ("freelancer", "decline", {}),
            ("client", "escalate", {}),
        ):
            assert (await marketplace.by(role, order_id, command, **fields)).applied
    headers = {"Authorization": f"Bearer {token('operator')}"}
    for path, rows in (("/queue", "cases"), ("/orders", "orders")):
        first = (await http.get(f"{path}?limit=1", headers=headers)).json()
        second = await http.get(f"{path}?limit=1&after={first['next']}", headers=headers)
        assert second.status_code == 200, second.text
        assert re.fullmatch(r"[A-Za-z0-9._:~-]+", first["next"])
        found = [row["order_id"] for page in (first, second.json()) for row in page[rows]]
        assert len(set(found)) == 2


async def test_the_description_names_nobody_elses_address(http: httpx2.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).text
    assert "://" not in described
