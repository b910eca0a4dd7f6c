"""The same rules and rows on DBOS: a durable function an order, in the process that takes the commands."""

from typing import Any

from dbos import DBOS, DBOSConfig, SetWorkflowID

from bench.lines import serve_lines
from bench.story import opening
from recourse.database.steps import record_step
from recourse.resolution.engine import OrderEngine
from recourse.resolution.model.fields import whole_second
from recourse.resolution.model.order import Opening
from recourse.resolution.model.reading import read_message
from recourse.resolution.model.step import Step
from recourse.resolution.rules.clocks import next_clock

TOPIC = "commands"
_pools: list[Any] = []


@DBOS.step()
async def record(step: dict[str, Any]) -> str:
    """Write the step."""
    read = Step.model_validate(step)
    await record_step(_pools[0], read)
    return f"step {read.number}"


@DBOS.step()
async def the_time() -> str:
    """The moment of processing, kept for a recovery."""
    from datetime import UTC, datetime

    return datetime.now(UTC).isoformat()


@DBOS.workflow()
async def order(placed: str) -> str:
    """Decide, record; wait for the next message or deadline."""
    from datetime import datetime

    engine = OrderEngine(Opening.model_validate_json(placed))
    await record(engine.commit(engine.opening()).model_dump(mode="json"))
    now = datetime.fromisoformat(await the_time())
    number = 0
    while not engine.is_over(whole_second(now)):
        clock = next_clock(engine.order)
        left = (clock.at - now).total_seconds() if clock else 86_400.0
        message = await DBOS.recv_async(TOPIC, timeout_seconds=max(left, 0))
        now = datetime.fromisoformat(await the_time())
        if message is None:
            if clock and clock.at <= now:
                await record(engine.apply(engine.fire(clock, whole_second(now))).model_dump(mode="json"))
            continue
        number += 1
        read = read_message(message["name"], message["payload"], f"unnamed-{number}")
        await record(engine.apply(engine.decide(read, whole_second(now))).model_dump(mode="json"))
        await DBOS.set_event_async(read.command_id, engine.answers[read.key].outcome)
    return engine.order.phase


async def serve_dbos(pool: Any, port: int, system_database: str) -> None:
    """Take commands."""
    _pools.append(pool)
    config: DBOSConfig = {
        "name": "orders",
        "system_database_url": system_database,
        "console_log_level": "ERROR",
        "use_listen_notify": True,
    }
    DBOS(config=config)
    DBOS.launch()

    async def answer(order_id: str, name: str, payload: Any) -> Any:
        if name == "start":
            with SetWorkflowID(order_id):
                await DBOS.start_workflow_async(order, opening(order_id).model_dump_json())
            return None
        await DBOS.send_async(order_id, {"name": name, "payload": payload}, TOPIC)
        return await DBOS.get_event_async(order_id, payload["command_id"])

    await serve_lines(port, answer)
