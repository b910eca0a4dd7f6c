"""`recourse worker`, `recourse serve` and `recourse migrate`: what runs in production."""

from asyncio import Runner
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from recourse.cli.output import Json, Stop, console, say_json, warn
from recourse.cli.typed import Port
from recourse.database.migrate import migrate as apply_migrations
from recourse.extras import require
from recourse.runtime.database_connection import database, database_address, fit_for_work
from recourse.runtime.search_attributes import register_search_attributes
from recourse.runtime.settings import read_settings
from recourse.runtime.temporal_connection import connect
from recourse.runtime.tracing import tracing

if TYPE_CHECKING:
    from recourse.resolution.model.policy import Policy


async def migrate(*, json: Json = False) -> None:
    """Apply migrations to the database at DATABASE_URL. Safe to run at any time, repeatedly and concurrently."""
    warnings: list[str] = []
    applied = await apply_migrations(database_address(read_settings()), warn=warnings.append)
    for warning in warnings:
        warn(warning)
    if json:
        say_json({"applied": applied, "warnings": warnings})
    else:
        console().print(f"applied {', '.join(applied)}" if applied else "nothing to apply: up to date")


def worker() -> None:
    """Run a worker until SIGINT or SIGTERM. Uses TEMPORAL_ADDRESS and DATABASE_URL; stops cleanly."""
    require("worker")
    # A tenth less of the worker's processor time than with the loop of the standard library.
    from uvloop import new_event_loop

    with Runner(loop_factory=new_event_loop) as runner:
        runner.run(_lead())


async def _lead() -> None:
    from structlog import get_logger

    from recourse.activities.providers import load_providers
    from recourse.runtime.health import Health, health_app
    from recourse.runtime.logs import log_to
    from recourse.web.serving import answering
    from recourse.worker import freeze_startup_objects, run_worker

    settings = read_settings()
    providers = load_providers(settings.payment_providers)
    log_to(metrics=settings.metrics_address)
    async with database(settings) as pool:
        if excess := await fit_for_work(pool, "app"):
            get_logger("recourse.worker").warning("the database login has too many rights", detail=excess)
        client = await connect()
        await register_search_attributes(client, settings.own_search_attributes)
        health = Health(client, pool, settings.task_queue)
        async with answering(settings.health_address, health_app(health)):
            freeze_startup_objects()
            await run_worker(client, pool, settings, providers, health)


async def serve(
    *, host: str = "127.0.0.1", port: Port = 8000, policy: Annotated[list[Path] | None, Parameter(negative="")] = None
) -> None:
    """Serve the HTTP API, and the pages under /pages, until SIGINT or SIGTERM.

    RECOURSE_TOKEN_KEYS holds the token keys. Sites in RECOURSE_FRAME_ANCESTORS may embed the pages. The providers in
    RECOURSE_PAYMENT_PROVIDERS post their events to /payments/NAME/events.

    Parameters
    ----------
    host
        The address to listen on. Put a TLS reverse proxy in front of it.
    port
        The port to listen on.
    policy
        A policy file to offer in addition to the built-in policies. Repeat for several.
    """
    require("web")
    from structlog import get_logger

    from recourse.activities.providers import load_providers
    from recourse.evidence.store import load_store
    from recourse.runtime.logs import log_to
    from recourse.starter.client import Recourse
    from recourse.web.app import make_app
    from recourse.web.figures import figures_app
    from recourse.web.reported import Reported
    from recourse.web.serving import answering, listen, serve_until_stopped
    from recourse.web.settings import read_calls_per_minute, read_frame_ancestors, read_keys

    keys, ancestors, settings = read_keys(), read_frame_ancestors(), read_settings()
    calls = read_calls_per_minute()
    providers = load_providers(settings.payment_providers)
    evidence, reported = load_store(settings.evidence), Reported(providers)
    log_to()
    with listen(host, port) as listener:
        async with (
            Recourse.connect(settings, providers=providers) as recourse,
            answering(settings.metrics_address, figures_app(recourse, reported)),
        ):
            if excess := await fit_for_work(recourse.pool, "web"):
                get_logger("recourse.web").warning("the database login has too many rights", detail=excess)
            console().print(f"Listening on {host}:{listener.getsockname()[1]}.")
            app = make_app(
                recourse,
                keys,
                link_keys=settings.link_ring,
                brand=settings.brand,
                policies=offered(policy),
                frame_ancestors=ancestors,
                calls_per_minute=calls,
                providers=providers,
                reported=reported,
                evidence=evidence,
            )
            if traced := tracing(settings):
                from recourse.web.tracing import TracesRequests

                app.add_middleware(TracesRequests, tracer=traced.tracer)
            await serve_until_stopped(app, listener)


def offered(policy: list[Path] | None) -> "dict[str, Policy]":
    """The policies that orders can be started with: the built-in ones and those of files. Raises PolicyError."""
    from recourse.policies import PRESETS, load_policy

    known = {name: load_policy(name) for name in PRESETS}
    return known | {made.name: made for made in (load_policy(path) for path in policy or ())}


def token(
    bearer: str, /, *, lifetime: str | None = None, link: str | None = None, order: str = "", json: Json = False
) -> None:
    """Create a token for the HTTP API, or a sign-in link for the pages.

    The first key of RECOURSE_TOKEN_KEYS signs it.

    Parameters
    ----------
    bearer
        `service:ID` for a marketplace backend, or `client:ID`, `freelancer:ID`, `operator:ID`.
    lifetime
        How long it is valid, such as `12h` or `90d`. Default: `1h` for a token, `10m` for a link.
    link
        Create a sign-in link to the pages at this address, such as `https://orders.example`.
    order
        The id of the order that the link opens.
    """
    from pydantic import ValidationError

    from recourse.resolution.model.durations import parse_duration
    from recourse.runtime.urls import read_url
    from recourse.web.pages.sessions import LINK_LASTS
    from recourse.web.pages.sessions import link as make_link
    from recourse.web.settings import read_keys
    from recourse.web.tokens import Bearer, new_id, sign_token

    usual = LINK_LASTS if link else timedelta(hours=1)
    role, _, given = bearer.partition(":")
    try:
        named = Bearer.model_validate({"role": role, "id": given})
        expires_at = (datetime.now(UTC) + (parse_duration(lifetime) if lifetime else usual)).replace(microsecond=0)
    except ValidationError as error:
        raise Stop(f"Invalid bearer {bearer!r}: expected ROLE:ID, such as `service:shop` or `client:c-3`.") from error
    except ValueError as error:
        raise Stop(f"--lifetime: {error}") from error
    if link is not None:
        try:
            read_url(link, "https", "http", user=False, query=False)
        except ValueError as error:
            raise Stop(f"--link: {error}.") from None
    keys = read_keys()
    if link is None:
        name, made = "token", sign_token(keys, named, "recourse-api", expires_at, new_id())
    else:
        try:
            name, made = "link", f"{link.rstrip('/')}{make_link(keys, named, expires_at, order)}"
        except ValueError as error:
            raise Stop(f"{bearer!r}: {error}.") from error
    if json:
        say_json({name: made, "expires_at": expires_at})
    else:
        console().print(made)
