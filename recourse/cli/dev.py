"""`recourse dev`: a sandbox to build against, and `recourse order advance`, which moves the clock of an order in it."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import httpx2
from cyclopts import Parameter

from recourse.cli.output import Json, OrderId, Stop, console, exports, say_json, warn
from recourse.cli.typed import Port
from recourse.extras import require
from recourse.local.progress import say
from recourse.resolution.model.instants import write_instant
from recourse.runtime.settings import BadSettings, read_settings
from recourse.runtime.urls import read_url

ADDRESS = "http://127.0.0.1:8000"  # where a sandbox is, unless another port was chosen
# The settings of a shell that concern no server of ours. Those of Stripe are read with `--provider` only.
SHOPS = ("RECOURSE_BRAND_", "RECOURSE_HOME_URL", "RECOURSE_MAIL_", "RECOURSE_STRIPE_", "RECOURSE_WORDING")


async def dev(
    *,
    port: Port = 8000,
    policy: Annotated[list[Path] | None, Parameter(negative="")] = None,
    provider: Annotated[list[str] | None, Parameter(negative="")] = None,
    webhook_url: str | None = None,
    json: Json = False,
) -> None:
    """Run a sandbox until Ctrl-C: servers, worker, API, pages, and a clock for each order that can be moved.

    All of it is on loopback and gone at the end. Settings of the shell that name servers are ignored; those of brand,
    mails and texts count.

    Parameters
    ----------
    port
        The port of the API and the pages; 0 takes any.
    policy
        A policy file to offer in addition to the built-in policies. Repeat for several.
    provider
        A payment provider of yours, as in RECOURSE_PAYMENT_PROVIDERS: `bank=my_shop.bank:connect`. It pays whatever
        its own settings say, so give it those of a test account. Repeat for several.
    webhook_url
        Where webhooks go, such as `http://127.0.0.1:3000/hooks`. Without it, only the sandbox receives them.
    """
    require("worker", "web", "local")
    from recourse.cli.quiet import quiet
    from recourse.cli.serving import offered
    from recourse.local.shell import forget_the_servers_of_the_shell
    from recourse.runtime.stopping import until_stopped
    from recourse.sandbox.app import sandbox
    from recourse.web.serving import listen

    quiet()
    if os.environ.get("RECOURSE_PAYMENT_PROVIDERS") and not provider:
        warn("RECOURSE_PAYMENT_PROVIDERS does not count here, so that no money moves: name providers with --provider.")
    forget_the_servers_of_the_shell(*SHOPS)
    settings = read_settings().model_copy(update={"payment_providers": " ".join(provider or ())})
    policies = offered(policy)
    if webhook_url is not None:
        try:
            read_url(webhook_url, "http", "https")
        except ValueError as error:
            raise Stop(f"--webhook-url: {error}.") from None
    try:
        listener = listen("127.0.0.1", port)
    except BadSettings as error:
        raise Stop(_taken(port, error)) from error
    with listener:
        say("Starting PostgreSQL, a Temporal server, a worker and a web server, all on loopback …")
        async with (
            sandbox(listener, policies=policies, webhook_url=webhook_url, settings=settings, usual=port != 0) as made,
            # Not before, so that Ctrl-C ends what is still starting.
            until_stopped() as stop,
        ):
            if json:
                say_json(described(made))
            else:
                console().print(introduction(made), soft_wrap=True)
            sys.stdout.flush()
            await stop.wait()
            say("Stopping everything …")
    say("Nothing is left running.")


def _taken(port: int, error: BadSettings) -> str:
    try:
        found = httpx2.get(f"http://127.0.0.1:{port}/sandbox/outages", timeout=2, trust_env=False).is_success
    except httpx2.HTTPError:
        found = False
    if found:
        return f"A sandbox runs at http://127.0.0.1:{port} already: use it, or start another with `--port 0`."
    return f"{str(error).rstrip('.')}; take another port, such as `--port 0` for any that is free."


def advance(
    order_id: OrderId,
    length: str | None = None,
    /,
    *,
    until: str | None = None,
    sandbox: str | None = None,
    json: Json = False,
) -> None:
    """Move the clock of an order in a sandbox forward; what falls due on the way happens.

    Parameters
    ----------
    length
        How far, such as `48h` or `3d`.
    until
        Or to which instant, such as `2025-03-04T11:00Z`.
    sandbox
        The address of the sandbox. Default: RECOURSE_SANDBOX, or http://127.0.0.1:8000.
    """
    from recourse.sandbox.calling import move_clock

    address = sandbox or os.environ.get("RECOURSE_SANDBOX") or ADDRESS
    moved = move_clock(address, order_id, advance=length, until=until)
    if json:
        say_json(asdict(moved))
        return
    deadline = moved.next_deadline
    then = f"its next deadline is {write_instant(deadline)}" if deadline else "it has no deadline left"
    console().print(f"The clock of order {order_id} reads {write_instant(moved.now)}; {then}.")


def described(made: Any) -> dict[str, Any]:
    """A sandbox for programs: addresses, tokens, links, and the environment of commands."""
    from recourse.sandbox.running import environment, sign_in_links, tokens

    return {
        "url": made.url,
        "temporal_ui": made.temporal_ui,
        "tokens": tokens(made),
        "sign_in_links": sign_in_links(made),
        "webhook_secret": made.webhook_secret,
        "environment": environment(made),
    }


def introduction(made: Any) -> str:
    """What is where, and commands to paste."""
    from recourse.sandbox.running import environment, sign_in_links, tokens

    links = "\n".join(f"  {role:<12} {link}" for role, link in sign_in_links(made).items())
    signed = "\n".join(f"  {role:<12} {token}" for role, token in tokens(made).items())
    return f"""
The sandbox runs until Ctrl-C in this window. Nothing in it is real, and nothing stays.

  API                 {made.url}, described at {made.url}/openapi.json
  pages               {made.url}/pages
  mails and webhooks  {made.url}/sandbox
  Temporal UI         {made.temporal_ui}
  webhook secret      {made.webhook_secret}

Sign in; each link works for a day, and a browser holds one person at a time.

{links}

Tokens, good for 30 days while the sandbox runs:

{signed}

Paste this into another terminal:

{exports(environment(made))}
  recourse order start 1001 --client c-3 --freelancer f-7 --price 100 --service-fee 5.50
  recourse order request 1001 --as client --kind cancel --comment "We stopped the campaign."
  recourse order advance 1001 48h
  recourse order show 1001
"""
