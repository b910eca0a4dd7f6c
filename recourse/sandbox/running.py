"""The servers and the worker of a sandbox, and what a test can do with them."""

import base64
import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from recourse.activities.providers import BadProvider, PaymentProvider, load_providers
from recourse.database.migrate import migrate
from recourse.database.pool import connect
from recourse.local.postgres import postgres_server
from recourse.local.temporal import temporal_server
from recourse.runtime.keys import KEY_SIZE, KeyRing
from recourse.runtime.settings import Settings
from recourse.runtime.temporal_connection import connect as connect_temporal
from recourse.sandbox.catching import Catcher
from recourse.sandbox.clocks import Clocks, SandboxOrder, SandboxOrders
from recourse.sandbox.outages import Outages, Part, PartName
from recourse.sandbox.payments import NAME, SandboxPayments
from recourse.sandbox.reporting import Reports
from recourse.starter.client import TASK_QUEUE, Recourse
from recourse.web.api.issuing import LONGEST_LIFE
from recourse.web.pages.sessions import LONGEST_LINK, link
from recourse.web.tokens import Bearer, sign_token
from recourse.worker import letters_of, make_worker
from recourse.workflows.unknown import UnknownWorkflow

# The people of all examples.
PEOPLE = (
    Bearer(role="client", id="c-3"),
    Bearer(role="freelancer", id="f-7"),
    Bearer(role="operator", id="op-1"),
)
LAST_ORDERS = timedelta(seconds=2)  # for what a worker does when it is taken away


@dataclass(frozen=True)
class Sandbox:
    """What runs, and what a test can do with it. `keys`, `link_keys` and `webhook_secret` sign.

    `settings` are the marketplace's own: its brand, its mails, and its payment providers, which are in `providers`.
    """

    recourse: Recourse
    clocks: Clocks
    catcher: Catcher
    payments: SandboxPayments
    reports: Reports
    outages: Outages
    settings: Settings
    providers: Mapping[str, PaymentProvider]
    keys: KeyRing
    link_keys: KeyRing
    url: str
    database_url: str
    temporal_address: str
    temporal_ui: str | None
    token_keys: str
    webhook_secret: str


def sign_in_links(sandbox: Sandbox) -> dict[str, str]:
    """For each of the people, a link that signs in to the pages for a day."""
    until = (datetime.now(UTC) + LONGEST_LINK).replace(microsecond=0)
    return {person.role: f"{sandbox.url}{link(sandbox.keys, person, until)}" for person in PEOPLE}


def tokens(sandbox: Sandbox) -> dict[str, str]:
    """A token of the API for a backend and for each of the people, good for 30 days."""
    until = datetime.now(UTC) + LONGEST_LIFE
    bearers = (Bearer(role="service", id="shop"), *PEOPLE)
    return {bearer.role: sign_token(sandbox.keys, bearer, "recourse-api", until) for bearer in bearers}


def environment(sandbox: Sandbox) -> dict[str, str]:
    """What `recourse` and programs with its client read to work in the sandbox, and a backend's token for the API."""
    return {
        "DATABASE_URL": sandbox.database_url,
        "TEMPORAL_ADDRESS": sandbox.temporal_address,
        "RECOURSE_TOKEN_KEYS": sandbox.token_keys,
        "RECOURSE_WEB_URL": sandbox.url,
        "RECOURSE_SANDBOX": sandbox.url,
        **({"RECOURSE_TEMPORAL_UI_URL": sandbox.temporal_ui} if sandbox.temporal_ui else {}),
        "RECOURSE_TOKEN": tokens(sandbox)["service"],
        **({"RECOURSE_PAYMENT_PROVIDERS": named} if (named := sandbox.settings.payment_providers) else {}),
    }


@asynccontextmanager
async def running(url: str, webhook_url: str | None, settings: Settings, *, usual: bool) -> AsyncIterator[Sandbox]:
    """The servers and the worker of a sandbox that is served at `url`; all of it ends with this block.

    `settings`: as in `Sandbox`. `usual`: the servers are on their usual ports, where these are free. Raises LocalError,
    and BadProvider or BadSettings before anything starts.
    """
    providers, letters = load_providers(settings.payment_providers), letters_of(settings)
    if NAME in providers:
        raise BadProvider(f"The payment provider {NAME!r} is the sandbox's own: name yours otherwise.")
    link_keys = KeyRing.read(f"links={_secret()}")
    token_keys = f"sandbox={_secret()}"
    webhook_secret = f"whsec_{_secret()}"
    async with AsyncExitStack() as stack:
        postgres = await stack.enter_async_context(postgres_server(usual=usual))
        address, ui = await stack.enter_async_context(temporal_server(ui=True, usual=usual))
        await migrate(postgres.dsn)
        pool, temporal = await connect(postgres.dsn), await connect_temporal(target_host=address)
        # Not `close`, which would wait for a database that was taken away.
        stack.callback(pool.terminate)
        clocks = Clocks(temporal, pool)
        orders = SandboxOrders(temporal, pool, clocks, web_url=url, providers=providers)
        reports = Reports(orders, clocks)
        stack.push_async_callback(reports.close)
        payments = SandboxPayments(reports)
        sender = {"sender": settings.mail_from} if "mail_from" in settings.model_fields_set else {}
        catcher = Catcher(
            webhook_secret,
            webhook_url,
            web_url=url,
            letters=letters,
            link_keys=link_keys,
            reply_to=settings.mail_reply_to,
            **sender,
        )
        for channel in catcher.channels:
            stack.push_async_callback(channel.close)
        working = AsyncExitStack()

        async def work() -> None:
            await working.enter_async_context(
                make_worker(
                    temporal,
                    pool,
                    task_queue=TASK_QUEUE,
                    channels=catcher.channels,
                    providers={NAME: payments, **providers},
                    workflows=[SandboxOrder, UnknownWorkflow],
                    graceful_shutdown_timeout=LAST_ORDERS,
                )
            )

        await work()
        stack.push_async_callback(working.aclose)
        parts: dict[PartName, Part] = {
            "database": Part(postgres.stop, postgres.start),
            "worker": Part(working.aclose, work),
        }
        outages = Outages(parts)
        stack.push_async_callback(outages.close)
        made = Sandbox(
            recourse=orders,
            clocks=clocks,
            catcher=catcher,
            payments=payments,
            reports=reports,
            outages=outages,
            settings=settings,
            providers=providers,
            link_keys=link_keys,
            keys=KeyRing.read(token_keys),
            url=url,
            database_url=postgres.dsn,
            temporal_address=address,
            temporal_ui=ui,
            token_keys=token_keys,
            webhook_secret=webhook_secret,
        )
        yield made


def _secret() -> str:
    return base64.b64encode(secrets.token_bytes(KEY_SIZE)).decode()
