"""The web server of a sandbox: the API and the pages as ever, and what a test needs under /sandbox."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from socket import socket
from tempfile import TemporaryDirectory

from fastapi import Depends, FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from recourse.evidence.store import KeptFiles, load_store
from recourse.resolution.model.policy import Policy
from recourse.runtime.settings import Settings
from recourse.sandbox.clocks import Clocks
from recourse.sandbox.routes import router
from recourse.sandbox.running import Sandbox, running
from recourse.web.access import said_once
from recourse.web.app import make_app
from recourse.web.serving import serving

_OF_AN_ORDER = re.compile(r"/(?:pages/)?orders/([^/]+)")


@asynccontextmanager
async def sandbox(
    listener: socket,
    *,
    policies: Mapping[str, Policy] | None = None,
    webhook_url: str | None = None,
    settings: Settings | None = None,
    usual: bool = False,
) -> AsyncIterator[Sandbox]:
    """A sandbox that is served on `listener`; all of it ends with this block.

    `policies` are those that orders can be started with, by name: the presets, unless others are given. `webhook_url`
    is where webhooks go; without one the sandbox takes them itself. `settings`: the marketplace's brand, mails and
    payment providers. `usual`: its servers are on their usual ports, where these are free. Raises LocalError,
    BadProvider, BadSettings.
    """
    host, port = listener.getsockname()
    # Files are never those of a marketplace's own store, whatever the shell says.
    with TemporaryDirectory(prefix="recourse-", ignore_cleanup_errors=True) as folder:
        async with (
            running(f"http://{host}:{port}", webhook_url, settings or Settings(), usual=usual) as made,
            serving(make_sandbox_app(made, policies, load_store(f"folder:{folder}")), listener),
        ):
            yield made


def make_sandbox_app(
    sandbox: Sandbox, policies: Mapping[str, Policy] | None = None, evidence: KeptFiles | None = None
) -> FastAPI:
    """The application of a sandbox. Everything that is about one order goes by the clock of that order."""
    app = make_app(
        sandbox.recourse,
        sandbox.keys,
        policies=policies,
        now=sandbox.clocks.now,
        links_again=True,
        link_keys=sandbox.link_keys,
        brand=sandbox.settings.brand,
        providers=sandbox.providers,
        evidence=evidence,
    )
    app.state.sandbox = sandbox
    app.include_router(router, dependencies=[Depends(said_once)])
    app.add_middleware(_OnTheOrdersClock, clocks=sandbox.clocks)
    # Web pages of others cannot name this machine otherwise and read what is here.
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])
    return app


class _OnTheOrdersClock:
    def __init__(self, app: ASGIApp, clocks: Clocks) -> None:
        self._app, self._clocks = app, clocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one call on."""
        found = _OF_AN_ORDER.match(scope.get("path", ""))
        with self._clocks.reading(found[1] if found else None):
            await self._app(scope, receive, send)
