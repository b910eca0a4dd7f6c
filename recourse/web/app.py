"""The application: every path, every error as a problem, and its description."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from recourse.activities.calling import Calls
from recourse.activities.providers import PaymentProvider
from recourse.evidence.store import KeptFiles
from recourse.policies import PRESETS, load_policy
from recourse.resolution.model.policy import Policy
from recourse.runtime.brand import Brand
from recourse.runtime.keys import KeyRing
from recourse.starter.client import Recourse
from recourse.starter.reading import now
from recourse.web.access import Site, said_once
from recourse.web.api import changes, commands, files, groups, health, issuing, orders, queue, reports
from recourse.web.api.bodies import BODIES, GROUP_BODIES
from recourse.web.limits import Heads, Limits
from recourse.web.pages.app import make_pages
from recourse.web.problems import Problem, answer_with_problems
from recourse.web.rates import Rates
from recourse.web.reference import add_reference
from recourse.web.reported import Reported
from recourse.web.request_ids import RequestIds

PATIENCE = 20.0  # seconds
_AS_READ: Literal["validation"] = "validation"
ABOUT = """Durable order cancellation and dispute resolution for freelance marketplaces.

Money is in minor units of the order's currency, instants are in UTC, durations are written `48h`, `3d`, `30m`.
"""


def _to_pages(request: Request) -> RedirectResponse:
    """People begin at the pages, whatever stands in front of us."""
    return RedirectResponse(f"{request.scope['root_path']}/pages/", 303)


def make_app(
    recourse: Recourse,
    keys: KeyRing,
    *,
    policies: Mapping[str, Policy] | None = None,
    patience: float = PATIENCE,
    frame_ancestors: Sequence[str] = (),
    now: Callable[[], datetime] = now,
    links_again: bool = False,
    link_keys: KeyRing | None = None,
    brand: Brand | None = None,
    calls_per_minute: int = 0,
    providers: Mapping[str, PaymentProvider] | None = None,
    reported: Reported | None = None,
    evidence: KeptFiles | None = None,
) -> FastAPI:
    """The application on one connection to orders.

    `policies` are the ones that orders can be started with, by name: the presets, unless others are given.
    `patience`: for how many seconds a call waits for an order to answer. `frame_ancestors`: the origins whose pages may
    show ours in a frame. `now` stamps what arrives. `links_again`: a link may sign in more than once, as in a sandbox.
    `link_keys`: those of links in mails. `brand`: whose pages these are.
    `calls_per_minute`: how many each person may make; 0: any number. `providers`: the payment providers whose events
    are taken, by name; `reported` counts them. `evidence`: where files of evidence are kept.
    """
    app = FastAPI(
        title="Recourse",
        description=ABOUT,
        version="1",
        # Their pages load programs from elsewhere; ours at /docs needs no network.
        docs_url=None,
        redoc_url=None,
        # It would name our host and scheme, which a proxy in front of us knows better.
        redirect_slashes=False,
        # Its own spans and logs contain paths, queries and errors, which hold ids, tokens and texts.
        telemetry={"tracing": False, "logs": False, "auto_configure": False},
    )
    known = dict(policies) if policies is not None else {name: load_policy(name) for name in PRESETS}
    site = app.state.site = Site(
        recourse=recourse,
        keys=keys,
        policies=known,
        now=now,
        patience=patience,
        links_again=links_again,
        link_keys=link_keys or KeyRing({}),
        brand=brand or Brand(),
        rates=Rates(calls_per_minute),
        providers={name: Calls(name, one) for name, one in (providers or {}).items()},
        reported=reported or Reported(),
        files=evidence,
    )
    for part in (orders, changes, commands, files, groups, queue, issuing, reports, health):
        app.include_router(part.router, dependencies=[Depends(said_once)])
    for path in ("/", "/pages"):
        app.add_api_route(path, _to_pages, include_in_schema=False)
    app.mount("/pages", make_pages(site, frame_ancestors))
    add_reference(app)
    answer_with_problems(app)
    app.add_middleware(Limits)
    app.add_middleware(Heads)
    app.add_middleware(RequestIds)
    _describe(app)
    return app


def _describe(app: FastAPI) -> None:
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = plain()
            bodies: list[type[BaseModel]] = [Problem, *BODIES.values(), *GROUP_BODIES.values()]
            models = [(body, _AS_READ) for body in bodies]
            _, more = models_json_schema(models, ref_template="#/components/schemas/{model}")
            schema["components"]["schemas"] |= more["$defs"]
        return plain()

    app.openapi = described  # type: ignore[method-assign]
