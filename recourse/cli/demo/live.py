"""What the demonstration leaves to look around in: orders that still run, the pages, and commands to paste."""

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

from rich.console import Console

from recourse.cli.output import exports
from recourse.evidence.store import load_store
from recourse.local.process import usual_port
from recourse.policies import load_policy
from recourse.resolution.model.terms import Terms
from recourse.runtime.keys import KeyRing
from recourse.starter.client import Recourse
from recourse.starter.simulate.temporal import Stage
from recourse.web.app import make_app
from recourse.web.pages.sessions import LONGEST_LINK, link
from recourse.web.serving import answering
from recourse.web.tokens import Bearer

PAGES = 8000  # the port of `recourse serve`
CLIENT = {"role": "client", "id": "c-3"}
FREELANCER = {"role": "freelancer", "id": "f-7"}
OPERATOR = {"role": "operator", "id": "op-1"}
POSTPONED = {
    "kind": "cancel",
    "reason": "no_longer_needed",
    "comment": "The film is postponed.",
    "amount": 2500,
    "attestations": ["discussed", "tried_to_resolve", "agreed_compensation"],
}
Deeds = list[tuple[dict[str, str], str, dict[str, Any]]]
# Under which policy, how long ago it was ordered, and what was done since then.
LIVE: dict[str, tuple[str, str, timedelta, Deeds]] = {
    "waiting": (
        "the freelancer has 48 hours to answer",
        "resolution_center",
        timedelta(0),
        [(CLIENT, "request", {"kind": "cancel", "comment": "We stopped the campaign."})],
    ),
    "mediation": (
        "an operator mediates",
        "resolution_center",
        timedelta(0),
        [
            (CLIENT, "request", {"kind": "cancel", "comment": "The first draft misses the brief."}),
            (FREELANCER, "decline", {"comment": "Half of it is done."}),
            (CLIENT, "escalate", {}),
        ],
    ),
    "undo": (
        "canceled; the client can still undo it, so the money waits",
        "glimmer",
        timedelta(0),
        [
            (CLIENT, "request", POSTPONED),
            (FREELANCER, "accept", {}),
        ],
    ),
    "late": (
        "very late; the client can cancel alone",
        "resolution_center",
        timedelta(days=7),
        [],
    ),
}


async def start_live(recourse: Recourse, suffix: str) -> dict[str, str]:
    """Start the orders that stay open; their ids, each with what is going on."""
    started = {}
    for name, (about, policy, ago, deeds) in LIVE.items():
        terms = Terms(
            order_id=f"{name}-{suffix}",
            client=CLIENT["id"],
            freelancer=FREELANCER["id"],
            price=10_000,
            service_fee=550,
            ordered_at=(datetime.now(UTC) - ago).replace(microsecond=0),
            delivery_time=timedelta(days=5),
        )
        await recourse.start(terms, load_policy(policy))
        for actor, command, fields in deeds:
            outcome = await recourse.order(terms.order_id).send(command, {"actor": actor, **fields})
            if not outcome.applied:
                raise AssertionError(f"{terms.order_id}: {command} was refused: {outcome.code}")
        started[terms.order_id] = about
    return started


@asynccontextmanager
async def looking_around(staged: Stage, screen: Console) -> AsyncIterator[None]:
    """Start the live orders, serve the pages while the block runs, and say where everything is."""
    port = usual_port(PAGES)
    address = f"http://127.0.0.1:{port}"
    secret = f"demo={base64.b64encode(secrets.token_bytes(32)).decode()}"
    keys = KeyRing.read(secret)
    recourse = Recourse(staged.client, staged.pool, task_queue=staged.queue, web_url=address)
    orders = await start_live(recourse, f"{staged.name}-{next(staged.numbers)}")
    with TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        app = make_app(recourse, keys, links_again=True, evidence=load_store(f"folder:{folder}"))
        async with answering(f"127.0.0.1:{port}", app):
            screen.print(_said(staged, orders, address, secret, keys), soft_wrap=True)
            yield


def _said(staged: Stage, orders: dict[str, str], address: str, secret: str, keys: KeyRing) -> str:
    waiting, mediation, undo, late = orders
    until = (datetime.now(UTC) + LONGEST_LINK).replace(microsecond=0)

    def sign_in(person: dict[str, str], order: str = "") -> str:
        return f"{address}{link(keys, Bearer.model_validate(person), until, order)}"

    ours = "WorkflowId IN ({})".format(", ".join(f"'order-{order}'" for order in orders))
    ui = f"\n  Temporal UI  {staged.ui_url}/namespaces/default/workflows?query={quote(ours)}\n" if staged.ui_url else ""
    environment = {
        "TEMPORAL_ADDRESS": staged.address,
        "RECOURSE_TASK_QUEUE": staged.queue,
        "DATABASE_URL": staged.dsn,
        "RECOURSE_TOKEN_KEYS": secret,
        "RECOURSE_WEB_URL": address,
    }
    if staged.ui_url:
        environment["RECOURSE_TEMPORAL_UI_URL"] = staged.ui_url
    # Servers of the shell have no UI that is known here, and stay.
    stopping = "stop and delete everything" if staged.ui_url else "stop the worker and the pages"
    width = max(map(len, orders))
    listed = "\n".join(f"  {order:<{width}}  {about}" for order, about in orders.items())
    return f"""
Four orders of client c-3 and freelancer f-7 are still open:

{listed}

See them in the browser. Each link signs in for a day. Use a private window for each person.

  client       {sign_in(CLIENT, undo)}
  freelancer   {sign_in(FREELANCER, waiting)}
  operator     {sign_in(OPERATOR, mediation)}
{ui}
Paste this into another terminal:

{exports(environment)}
  recourse orders list --client c-3
  recourse open {waiting}
  recourse order show {late}
  recourse order preview request {late} --as client --kind cancel
  recourse cases show {mediation}
  recourse order timeline {undo}
  curl --silent --header "Authorization: Bearer $(recourse token client:c-3)" {address}/orders/{waiting}

Press Ctrl-C in this window to {stopping}.
"""
