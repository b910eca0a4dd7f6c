"""The worker: connects, registers what it can do, runs until a signal, and stops cleanly."""

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from recourse.extras import require

require("backend", "worker")

import asyncpg
import structlog
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.runtime import Runtime
from temporalio.worker import Worker, WorkerDeploymentConfig

from recourse.activities.arrivals import read_arrivals
from recourse.activities.believing import BelievesWorkers, checked
from recourse.activities.channels import load_channels
from recourse.activities.contract import (
    DELIVER_NOTICES,
    FIND_ANSWER,
    HAS_STARTED,
    PAY,
    READ_ARRIVALS,
    READ_OFFSETS,
    RECONCILE,
    RECORD_STEP,
)
from recourse.activities.letters import BadTemplates, Letters
from recourse.activities.mail import MailChannel
from recourse.activities.notifying import Channel, Notifying
from recourse.activities.paying import Paying
from recourse.activities.providers import PaymentProvider, load_providers
from recourse.activities.reading_zones import read_offsets
from recourse.activities.reconciling import Reconciling, with_books
from recourse.activities.recording import Recording
from recourse.activities.webhook import WebhookChannel
from recourse.database.counting import count_facts
from recourse.database.pool import AWAY
from recourse.database.reconciling import await_reconciling
from recourse.policies.calculators import register_installed_calculators
from recourse.running import connected_for_work, how_workflows_run
from recourse.runtime.actors import Actors
from recourse.runtime.database_connection import database, fit_for_work
from recourse.runtime.health import Health
from recourse.runtime.keys import read_secrets
from recourse.runtime.metrics import Counts
from recourse.runtime.proofs import Proofs
from recourse.runtime.schedules import schedule_reconciliation
from recourse.runtime.search_attributes import register_search_attributes
from recourse.runtime.settings import BadSettings, Settings, read_settings
from recourse.runtime.stopping import until_stopped
from recourse.runtime.temporal_connection import connect
from recourse.workflows.order import WORKFLOWS

# How long one order may keep its worker's thread before its task counts as hung. The SDK's 2 seconds are too few to
# take in all that one run of an order can be sent, 10,000 signals, where other work keeps the processor busy.
BUSY_FOR = 9  # seconds; the server's own limit for the task is 10

# How long what is being sent, paid or written may go on when the worker is to stop.
LAST_ORDERS = timedelta(seconds=20)
# A process ends in this time, also where a channel does not close. Nothing is lost.
STOPPED_WITHIN = timedelta(seconds=28)
# The SDK's shutdown now and then never returns. It has so long, beyond the time for what is being sent.
ENDS_WITHIN = timedelta(seconds=10)
COUNTS_EVERY = 10  # seconds
# So many activities at once, which all wait for somebody else. Deliveries can take only a part of these places.
ACTIVITIES = 400
BELIEVES_ANYBODY = (
    "RECOURSE_WORKER_KEYS is not set: a program that can write to the namespace can have this worker pay."
)
NOT_COUNTED: tuple[type[Exception], ...] = (*AWAY, asyncpg.PostgresError)


def version_of(deployment: str, build_id: str) -> WorkerDeploymentConfig | None:
    """Which build of which deployment a worker is, for Temporal to send orders to; None where no deployment is named.

    Orders move to the current build: one lives for weeks, and its rules may be fixed meanwhile.
    """
    if not deployment:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(deployment_name=deployment, build_id=build_id),
        use_worker_versioning=True,
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


class _EndingWorker(Worker):
    """The SDK's worker, left where its shutdown hangs: an activity ended while its workflow canceled it."""

    async def shutdown(self) -> None:
        """Stop, and wait for the end."""
        graceful = self.config().get("graceful_shutdown_timeout") or timedelta()
        try:
            async with asyncio.timeout((graceful + ENDS_WITHIN).total_seconds()):
                await super().shutdown()
        except TimeoutError:
            structlog.get_logger("recourse.worker").warning("the SDK did not stop in time")
            if self._async_context_run_task:
                self._async_context_run_task.cancel()


def make_worker(
    client: Client,
    pool: Any,
    *,
    task_queue: str,
    channels: Sequence[Channel] = (),
    providers: Mapping[str, PaymentProvider] | None = None,
    workflows: Sequence[type] = WORKFLOWS,
    refuse_plain: bool = False,
    actors: Actors | None = None,
    proofs: Proofs | None = None,
    **options: Any,
) -> Worker:
    """A worker on one task queue, with the keys of its client.

    `refuse_plain`: messages that are not encrypted are refused. `actors`: commands must prove who gives them.
    `proofs`: activities run only where a worker with these keys asks.
    `options` go to `temporalio.worker.Worker` as they are.
    """
    register_installed_calculators()
    runtime = client.service_client.config.runtime or Runtime.default()
    counts = Counts(runtime.metric_meter)
    recording = Recording(pool, delivers=bool(channels), counts=counts)
    notifying = Notifying(pool, channels, counts)
    paying = Paying(pool, providers or {}, counts)
    how = how_workflows_run(actors, proofs, refuse_plain=refuse_plain)
    how["interceptors"].append(BelievesWorkers(proofs))
    activities: dict[str, Callable[..., Any]] = {
        RECORD_STEP: recording.record_step,
        FIND_ANSWER: recording.find_answer,
        HAS_STARTED: recording.has_started,
        READ_OFFSETS: read_offsets,
        READ_ARRIVALS: read_arrivals,
        DELIVER_NOTICES: notifying.deliver_notices,
        PAY: paying.pay,
        RECONCILE: Reconciling(pool, providers or {}).reconcile,
    }
    worker = _EndingWorker(
        connected_for_work(client, refuse_plain=refuse_plain),
        task_queue=task_queue,
        workflows=workflows,
        activities=[checked(name, one) for name, one in activities.items()],
        **how,
        # A huge payload is refused by the order itself; the limit would wedge its workflow task instead.
        disable_payload_error_limit=True,
        # There is no external store. With more than one at once, the SDK makes a task for each payload to look.
        max_workflow_task_external_storage_concurrency=1,
        **{"max_concurrent_activities": ACTIVITIES, **options},
    )
    if worker._workflow_worker is not None:  # noqa: SLF001 - the SDK has no option for it
        worker._workflow_worker._deadlock_timeout_seconds = BUSY_FOR  # noqa: SLF001
    return worker


def channels_of(settings: Settings) -> list[Channel]:
    """The configured ways to reach receivers. Raises BadChannel."""
    channels: list[Channel] = []
    if settings.webhook_url:
        channels.append(
            WebhookChannel(settings.webhook_url, read_secrets(settings.webhook_secret), web_url=settings.web_url)
        )
    if settings.smtp_url:
        channels.append(
            MailChannel(
                settings.smtp_url,
                settings.mail_from,
                settings.operator_email,
                reply_to=settings.mail_reply_to,
                letters=letters_of(settings),
                web_url=settings.web_url,
                link_keys=settings.link_ring,
            )
        )
    return [*channels, *load_channels(settings.notice_channels)]


def letters_of(settings: Settings) -> Letters:
    """What writes mails, as they are configured. Raises BadSettings."""
    try:
        return Letters(settings.mail_templates, settings.brand)
    except BadTemplates as error:
        raise BadSettings(f"RECOURSE_MAIL_TEMPLATES: {error}.") from error


def freeze_startup_objects() -> None:
    """Exempt from garbage collection what exists at the start: the modules and their objects.

    A full collection of those takes 50 ms and more, during which no order moves on.
    """
    gc.collect()
    gc.freeze()


async def keep_counting(pool: Any) -> None:
    """Count the facts of closed orders, again and again; no order waits for it. What fails stays queued for the next
    time."""
    while True:
        try:
            await count_facts(pool)
        except NOT_COUNTED as error:
            structlog.get_logger("recourse.worker").warning("closed orders were not counted", error=str(error))
        await asyncio.sleep(COUNTS_EVERY)


async def see_to_books(client: Client, pool: Any, task_queue: str, providers: Sequence[str]) -> None:
    """Have these providers' books compared every night, from when the database is there. No order waits for it."""
    while True:
        try:
            await await_reconciling(pool, providers)
        except NOT_COUNTED as error:
            structlog.get_logger("recourse.worker").warning(
                "the comparison of the books is not set up yet", error=str(error)
            )
            await asyncio.sleep(COUNTS_EVERY)
        else:
            break
    if providers:
        await schedule_reconciliation(client, task_queue)


@asynccontextmanager
async def serving_orders(
    client: Client,
    pool: Any,
    settings: Settings,
    channels: Sequence[Channel],
    providers: Mapping[str, PaymentProvider] | None = None,
) -> AsyncIterator[Worker]:
    """A worker as the settings say, with all that goes with it, for as long as the block runs."""
    tasks = [
        asyncio.create_task(keep_counting(pool)),
        asyncio.create_task(see_to_books(client, pool, settings.task_queue, list(with_books(providers or {})))),
    ]
    try:
        async with make_worker(
            client,
            pool,
            task_queue=settings.task_queue,
            channels=channels,
            refuse_plain=settings.payloads_plain == "refuse",
            providers=providers,
            graceful_shutdown_timeout=LAST_ORDERS,
            deployment_config=version_of(settings.deployment, settings.build_id),
            actors=Actors(settings.actor_ring) if settings.actor_ring else None,
            proofs=Proofs(settings.worker_ring) if settings.worker_ring else None,
        ) as worker:
            yield worker
    finally:
        for task in tasks:
            task.cancel()
        for channel in channels:
            await channel.close()


@asynccontextmanager
async def orders_worker(settings: Settings | None = None) -> AsyncIterator[Worker]:
    """What `recourse worker` runs, for as long as the block runs; `settings` are those of the environment.

    It has connections of its own, to the servers that the environment names, and takes no signals: end the block, and
    it stops cleanly. Run your own workflows and activities in a worker of your own, on another task queue. Raises
    BadSettings, DatabaseUnreachable, TemporalUnreachable, and BadInput where an extension cannot be used.
    """
    settings = settings or read_settings()
    channels, providers = channels_of(settings), load_providers(settings.payment_providers)
    async with database(settings) as pool:
        if excess := await fit_for_work(pool, "app"):
            structlog.get_logger("recourse.worker").warning("the database login has too many rights", detail=excess)
        client = await connect()
        await register_search_attributes(client, settings.own_search_attributes)
        async with serving_orders(client, pool, settings, channels, providers) as worker:
            yield worker


async def run_worker(
    client: Client,
    pool: Any,
    settings: Settings,
    providers: Mapping[str, PaymentProvider] | None = None,
    health: Health | None = None,
) -> None:
    """Work until SIGINT or SIGTERM; `health` gets every change of its stage."""
    health = health or Health(client, pool, settings.task_queue)
    log = structlog.get_logger("recourse.worker")
    if not settings.worker_ring:
        health.unsafe.append(BELIEVES_ANYBODY)
        log.warning(BELIEVES_ANYBODY)
    channels = channels_of(settings)
    try:
        async with (
            until_stopped() as stop,
            asyncio.timeout(None) as limit,
            serving_orders(client, pool, settings, channels, providers),
        ):
            log.info(
                "working",
                task_queue=settings.task_queue,
                namespace=client.namespace,
                channels=[channel.name for channel in channels],
                providers=sorted(providers or {}),
                build=f"{settings.deployment}.{settings.build_id}" if settings.deployment else "unversioned",
            )
            health.stage = "working"
            await stop.wait()
            # Said before anything stops, so that nothing new is expected of it.
            health.stage = "stopping"
            log.info("stopping")
            limit.reschedule(asyncio.get_running_loop().time() + STOPPED_WITHIN.total_seconds())
    except TimeoutError:
        log.warning("the SDK did not stop in time")
    log.info("stopped")
