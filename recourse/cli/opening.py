"""`recourse open`: an order where a browser shows it."""

import os
import sys
import webbrowser
from typing import Annotated
from urllib.parse import quote

from cyclopts import Parameter

from recourse.cli.output import OrderId, Stop, console
from recourse.runtime.names import page_address, workflow_id
from recourse.runtime.settings import Settings, read_settings


def open_order(order_id: OrderId, /, *, workflow: Annotated[bool, Parameter(negative="")] = False) -> None:
    """Open an order's page in the browser. Prints its address, and only that where there is no browser.

    The pages are at RECOURSE_WEB_URL, the Temporal UI at RECOURSE_TEMPORAL_UI_URL. `recourse dev` and `recourse demo
    --keep` print both among the lines to paste.

    Parameters
    ----------
    workflow
        Open the order's workflow in the Temporal UI instead.
    """
    settings = read_settings()
    address = _workflow(settings, order_id) if workflow else _page(settings, order_id)
    console().print(address, soft_wrap=True)
    if sys.stdout.isatty():
        webbrowser.open(address)


def _page(settings: Settings, order_id: str) -> str:
    if not settings.web_url:
        raise Stop(
            "RECOURSE_WEB_URL is not set: it is the address of `recourse serve`, such as https://orders.example."
        )
    return page_address(settings.web_url, order_id)


def _workflow(settings: Settings, order_id: str) -> str:
    """The list of the order's runs: one, or several where it was revived."""
    address = settings.temporal_ui_url.rstrip("/")
    if not address:
        raise Stop("RECOURSE_TEMPORAL_UI_URL is not set: it is the address of the Temporal UI.")
    namespace = quote(os.environ.get("TEMPORAL_NAMESPACE") or "default", safe="")
    query = quote(f'WorkflowId = "{workflow_id(order_id)}"')
    return f"{address}/namespaces/{namespace}/workflows?query={query}"
