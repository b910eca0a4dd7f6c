"""An order's page in the Temporal UI reads like the case file."""

from datetime import UTC, datetime, timedelta
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.converter import default

from tests.process.conftest import Marketplace

NOTE = "Only for operators: the client was rude."


async def titles(marketplace: Marketplace, order_id: str) -> list[str]:
    """The summaries of timers and activities, as the UI's timeline shows them."""
    found = []
    async for event in marketplace.handle(order_id).fetch_history_events():
        if event.user_metadata.HasField("summary"):
            [summary] = await default().decode([event.user_metadata.summary])
            found.append(summary)
    return found


async def test_the_title_and_the_details_say_who_and_what(marketplace: Marketplace) -> None:
    order_id = await marketplace.order(currency="JPY", price=10_000)
    described = await marketplace.handle(order_id).describe()

    assert await described.static_summary() == f"Order {order_id} · 10000 JPY · resolution_center"
    details = await described.static_details()
    assert details is not None
    assert "`c-1`" in details
    assert "`f-1`" in details


async def test_the_details_link_to_the_pages_where_their_address_is_known(marketplace: Marketplace) -> None:
    marketplace.recourse.web_url = "https://orders.example/"
    order_id = await marketplace.order()

    details = await (await marketplace.handle(order_id).describe()).static_details()
    assert f"[its page](https://orders.example/pages/orders/{order_id})" in (details or "")


async def test_the_current_details_say_what_happens_next_and_what_silence_means(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "request", kind="cancel", private_note=NOTE)
    metadata = await marketplace.handle(order_id).query("__temporal_workflow_metadata")

    page = metadata.current_details
    assert page.startswith("## In progress\n")
    assert "**The freelancer** must answer until **" in page
    assert "; silence accepts." in page
    assert "UTC: reminder to answer\n" in page
    assert "held **105.50 USD**" in page
    assert page.index("UTC · client: request cancel, 1 notified") < page.index("UTC · opened: the money is in escrow")
    assert NOTE not in page


async def test_timers_and_steps_are_named(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "request", kind="cancel", private_note=NOTE)
    await marketplace.by("client", order_id, "accept")
    await marketplace.by("freelancer", order_id, "accept")

    read = await titles(marketplace, order_id)
    assert "opened: the money is in escrow" in read
    assert "client: request cancel, 1 notified" in read
    assert "client: accept refused (not_yours_to_answer)" in read
    assert "freelancer: accept → canceled, 2 notified" in read
    assert any(title.startswith("reminder to answer · ") for title in read)
    assert not any(NOTE in title for title in read)


async def test_operators_find_an_order_by_what_it_waits_for(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "request", kind="cancel")
    await marketplace.by("freelancer", order_id, "decline")
    await marketplace.by("client", order_id, "escalate")

    attributes = (await marketplace.handle(order_id).describe()).typed_search_attributes
    found: dict[str, Any] = {pair.key.name: pair.value for pair in attributes.search_attributes}
    next_due_at = found.pop("RecourseNextDueAt")
    assert {name: value for name, value in found.items() if name.startswith("Recourse")} == {
        "RecoursePhase": "in_progress",
        "RecoursePolicy": "resolution_center",
        "RecourseTurn": "operator",
        "RecourseCaseStage": "mediation",
    }
    assert timedelta(days=2) < next_due_at - datetime.now(UTC) <= timedelta(days=3)


async def test_the_page_is_also_there_as_a_query(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    page = await marketplace.handle(order_id).query("page")

    assert (page["phase"], page["money"]["held"]) == ("in_progress", 10_550)


async def test_a_story_costs_no_more_than_so_many_events_and_tasks(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    await marketplace.by("client", order_id, "request", kind="cancel")
    await marketplace.by("freelancer", order_id, "accept")

    counted: dict[str, int] = {}
    async for event in marketplace.handle(order_id).fetch_history_events():
        name = EventType.Name(event.event_type).removeprefix("EVENT_TYPE_").lower()
        counted[name] = counted.get(name, 0) + 1
    # Fewer where a command comes while the task before it still runs.
    assert counted["workflow_task_completed"] <= 3
    assert counted["marker_recorded"] == 3
    assert "activity_task_scheduled" not in counted
    assert sum(counted.values()) <= 30
