"""Whatever anybody sends: it is refused with a code and recorded, and the order goes on as if nothing had been."""

import asyncio
import json
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload, Payloads, WorkflowExecution
from temporalio.api.enums.v1 import UpdateWorkflowExecutionLifecycleStage
from temporalio.api.update.v1 import Input, Meta, Request, WaitPolicy
from temporalio.api.workflowservice.v1 import SignalWorkflowExecutionRequest, UpdateWorkflowExecutionRequest
from temporalio.client import Client

from recourse.database.orders import read_record
from recourse.resolution.model.commands import COMMANDS
from recourse.resolution.model.data_version import NeedsNewerBuild
from recourse.resolution.model.outcome import RequestSummary
from recourse.runtime.names import workflow_id
from tests.outcomes import applied, code, refused, repeated
from tests.process.conftest import Marketplace

JSON = {"encoding": b"json/plain"}
MISFITS: dict[str, list[Payload]] = {
    "no argument": [],
    "two arguments": [Payload(metadata=JSON, data=b"{}"), Payload(metadata=JSON, data=b"{}")],
    "null": [Payload(metadata={"encoding": b"binary/null"})],
    "broken JSON": [Payload(metadata=JSON, data=b'{"actor": ')],
    "not UTF-8": [Payload(metadata=JSON, data=b'{"a": "\xff\xfe"}')],
    "unknown encoding": [Payload(metadata={"encoding": b"json/runes"}, data=b"{}")],
    "no encoding": [Payload(data=b"{}")],
    "bytes": [Payload(metadata={"encoding": b"binary/plain"}, data=b"\x00\x01")],
    "a protobuf": [Payload(metadata={"encoding": b"json/protobuf", "messageType": b"no.Such"}, data=b"{}")],
    "what pretends to be unopened": [Payload(metadata={"encoding": b"recourse/unopened"}, data=b"{}")],
    "something stored elsewhere": [Payload(metadata={"encoding": b"json/external-storage-reference"}, data=b"{}")],
    "a marked reference": [Payload(metadata={**JSON, "__temporal_external_storage_reference": b"true"}, data=b"[]")],
    "an unknown key": [Payload(metadata={"encoding": b"binary/encrypted", "encryption-key-id": b"x"}, data=b"x" * 40)],
    "nothing encrypted": [Payload(metadata={"encoding": b"binary/encrypted"})],
    "a number": [Payload(metadata=JSON, data=b"17")],
    "a list": [Payload(metadata=JSON, data=b"[]")],
    "a huge number": [Payload(metadata=JSON, data=b'{"amount": ' + b"9" * 5000 + b"}")],
    "NaN": [Payload(metadata=JSON, data=b'{"amount": NaN}')],
    "deep nesting": [Payload(metadata=JSON, data=b"[" * 50_000 + b"]" * 50_000)],
    "a lone surrogate": [Payload(metadata=JSON, data=b'{"actor": "\\ud800"}')],
    "U+0000": [Payload(metadata=JSON, data=b'{"actor": {"role": "client", "id": "c\\u0000"}}')],
    "half a megabyte": [Payload(metadata=JSON, data=json.dumps({"comment": "x" * 500_000}).encode())],
}


async def signal(client: Client, order_id: str, name: str, payloads: list[Payload]) -> None:
    await client.workflow_service.signal_workflow_execution(
        SignalWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
            signal_name=name,
            input=Payloads(payloads=payloads),
        )
    )


async def update(client: Client, order_id: str, name: str, payloads: list[Payload], update_id: str) -> dict[str, Any]:
    response = await client.workflow_service.update_workflow_execution(
        UpdateWorkflowExecutionRequest(
            namespace=client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=workflow_id(order_id)),
            request=Request(meta=Meta(update_id=update_id), input=Input(name=name, args=Payloads(payloads=payloads))),
            wait_policy=WaitPolicy(
                lifecycle_stage=UpdateWorkflowExecutionLifecycleStage.UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED
            ),
        )
    )
    assert not response.outcome.HasField("failure"), response.outcome.failure.message
    answer: dict[str, Any] = json.loads(response.outcome.success.payloads[0].data)
    return answer


async def codes(marketplace: Marketplace, order_id: str) -> list[str]:
    entries = await read_record(marketplace.recourse.pool, order_id)
    return [entry.content.get("code", "applied") for entry in entries]


async def test_every_misfit_as_a_signal_is_refused_and_recorded(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    for payloads in MISFITS.values():
        await signal(marketplace.client, order_id, "request", payloads)
        await signal(marketplace.client, order_id, "no_such_thing", payloads)

    assert (await marketplace.by("client", order_id, "message", comment="Still there?")).applied
    recorded = await codes(marketplace, order_id)
    assert len(recorded) == 2 * len(MISFITS) + 1
    assert set(recorded) == {"malformed", "unknown_command", "applied"}


@pytest.mark.parametrize("misfit", MISFITS)
async def test_a_misfit_as_an_update_is_answered_with_its_refusal(marketplace: Marketplace, misfit: str) -> None:
    order_id = await marketplace.order()
    known = await update(marketplace.client, order_id, "request", MISFITS[misfit], "u-1")
    unknown = await update(marketplace.client, order_id, "no_such_thing", MISFITS[misfit], "u-2")

    assert (known["status"], known["code"]) == ("refused", "malformed")
    assert unknown["code"] in ("malformed", "unknown_command")
    assert await codes(marketplace, order_id) == ["malformed", unknown["code"]]
    assert (await marketplace.by("client", order_id, "message", comment="Still there?")).applied


async def test_an_update_of_three_megabytes_wedges_nothing(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    huge = [Payload(metadata=JSON, data=json.dumps({"comment": "x" * 3_000_000}).encode())]
    answer = await update(marketplace.client, order_id, "message", huge, "u-1")

    assert answer["code"] == "malformed"
    assert (await marketplace.by("client", order_id, "message", comment="Still there?")).applied


async def test_the_client_does_not_even_send_a_message_that_is_too_large(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    asked = await marketplace.by("client", order_id, "message", comment="x" * 3_000_000)
    signaled = await marketplace.recourse.order(order_id).signal("message", {"comment": "x" * 3_000_000})

    for outcome in (asked, signaled):
        assert code(outcome) == "malformed"
        assert "at most 1048576" in refused(outcome).details["problems"]["payload"]
    assert await codes(marketplace, order_id) == []


async def test_every_command_is_a_signal_and_an_update_of_its_own_name(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    stranger = {"actor": {"role": "client", "id": "somebody else"}}
    for name in COMMANDS:
        outcome = await marketplace.recourse.order(order_id).send(name, {**stranger, "command_id": f"u-{name}"})
        assert code(outcome) in ("not_a_party", "malformed", "role_not_allowed"), name
        await marketplace.recourse.order(order_id).signal(name, {**stranger, "command_id": f"s-{name}"})

    assert (await marketplace.by("client", order_id, "message", comment="Hello")).applied
    assert len(await codes(marketplace, order_id)) == 2 * len(COMMANDS) + 1


async def test_the_names_and_descriptions_of_all_commands_are_there_for_the_user_interface(
    marketplace: Marketplace,
) -> None:
    order_id = await marketplace.order()
    metadata = await marketplace.handle(order_id).query("__temporal_workflow_metadata")

    for handlers in (metadata.definition.signal_definitions, metadata.definition.update_definitions):
        described = {handler.name: handler.description for handler in handlers}
        assert set(described) >= set(COMMANDS)
        assert all(described[name].startswith(COMMANDS[name].about) for name in COMMANDS)


async def test_an_answer_comes_after_its_step_is_written(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    outcome = await marketplace.by("client", order_id, "request", kind="cancel", command_id="ask")

    order = await marketplace.recourse.order(order_id).state()
    assert applied(outcome).request == RequestSummary(number=1, kind="cancel", status="open", version=1)
    assert outcome.entry == order.record_length == 1
    assert (clock := applied(outcome).next) is not None
    assert clock.name == "answer_reminder"


async def test_the_same_id_again_gets_the_first_answer_and_leaves_nothing(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    first = await marketplace.by("client", order_id, "request", kind="cancel", command_id="one")
    await marketplace.by("freelancer", order_id, "decline")
    again = await marketplace.by("client", order_id, "request", kind="cancel", command_id="one")

    assert again == repeated(first)
    assert len(await codes(marketplace, order_id)) == 2


async def test_the_same_id_for_something_else_is_refused_and_recorded_without_it(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    first = await marketplace.by("client", order_id, "message", comment="Hello.", command_id="one")
    other = await marketplace.by("client", order_id, "message", comment="Bye.", command_id="one")
    told = {"actor": {"role": "client", "id": "c-1"}, "comment": "Bye.", "command_id": "one"}
    await marketplace.handle(order_id).signal("message", told)
    again = await marketplace.by("client", order_id, "message", comment="Hello.", command_id="one")

    assert (code(other), refused(other).details) == ("command_id_reused", {"used_for": "message", "entry": 1})
    assert again == repeated(first)
    record = await read_record(marketplace.recourse.pool, order_id)
    assert [entry.content.get("code") for entry in record] == [None, "command_id_reused", "command_id_reused"]
    assert [entry.content["command_id"].startswith("unnamed-") for entry in record] == [False, True, True]


async def test_the_same_update_id_again_gets_the_first_answer_also_after_the_order_has_ended(
    marketplace: Marketplace,
) -> None:
    order_id = await marketplace.order(changes={"order.reachable_after": "0h"}, requirements="awaited")
    sent = {"actor": {"role": "client", "id": "c-1"}, "kind": "cancel", "command_id": "bye"}
    first = await marketplace.recourse.order(order_id).send("request", sent)
    await marketplace.handle(order_id).result()

    again = await marketplace.recourse.order(order_id).send("request", sent)
    assert again.repeated
    assert again == repeated(first)
    other = await marketplace.recourse.order(order_id).send("request", {**sent, "comment": "Sorry."})
    assert (code(other), other.repeated) == ("order_closed", False)
    late = await marketplace.recourse.order(order_id).signal("message", {"actor": sent["actor"], "comment": "Hello?"})
    assert code(late) == "order_closed"


async def test_a_repetition_that_only_a_newer_build_can_read_is_no_late_command(marketplace: Marketplace) -> None:
    order_id = await marketplace.order(changes={"order.reachable_after": "0h"}, requirements="awaited")
    sent = {"actor": {"role": "client", "id": "c-1"}, "kind": "cancel", "command_id": "bye"}
    await marketplace.recourse.order(order_id).send("request", sent)
    await marketplace.handle(order_id).result()
    newer = {**sent, "survey": "by_mail"}
    assert code(await marketplace.recourse.order(order_id).send("request", newer)) == "order_closed"

    await marketplace.recourse.pool.execute(
        """UPDATE order_states SET state = state || '{"made_for": 99}' WHERE order_id = $1""", order_id
    )
    with pytest.raises(NeedsNewerBuild, match="Command bye of order"):
        await marketplace.recourse.order(order_id).send("request", newer)
    other = {**newer, "command_id": "another"}
    assert code(await marketplace.recourse.order(order_id).send("request", other)) == "order_closed"


async def test_a_hundred_commands_at_once_are_all_answered(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    outcomes = await asyncio.gather(
        *(marketplace.by("client", order_id, "message", comment=f"{number}") for number in range(10)),
        *(marketplace.by("client", order_id, "request", kind="cancel") for _ in range(10)),
    )
    requests = outcomes[10:]
    assert all(outcome.applied for outcome in outcomes[:10])
    assert sorted(code(outcome) or "applied" for outcome in requests) == ["applied"] + ["request_open"] * 9
    assert len(await codes(marketplace, order_id)) == 20


async def test_an_update_without_an_id_goes_by_its_update_id(marketplace: Marketplace) -> None:
    order_id = await marketplace.order()
    sent = {"actor": {"role": "client", "id": "c-1"}, "comment": "Hello"}
    payload = [Payload(metadata=JSON, data=json.dumps(sent).encode())]
    answer = await update(marketplace.client, order_id, "message", payload, "from-another-language")

    assert answer["command_id"] == "from-another-language"


@pytest.mark.parametrize("update_id", ["\x00", "unnamed-1", "u" * 400, " \u202e/", "\U0001f9ff"])
async def test_whatever_id_an_update_has_it_is_answered_and_takes_the_place_of_no_other(
    marketplace: Marketplace, update_id: str
) -> None:
    order_id = await marketplace.order()
    answer = await update(marketplace.client, order_id, "request", MISFITS["a number"], update_id)
    await signal(marketplace.client, order_id, "request", MISFITS["a list"])

    assert answer["code"] == "malformed"
    assert (await marketplace.by("client", order_id, "message", comment="Still there?")).applied
    assert await codes(marketplace, order_id) == ["malformed", "malformed", "applied"]
