"""The names by which Temporal knows orders, and where their pages are."""

from urllib.parse import quote

ORDER = "Order"  # the workflow type of every order
RECONCILIATION = "Reconciliation"  # the workflow type of the nightly comparison with payment providers
PREFIX = "order-"
SIGNALS = "signals"  # the memo that says how many signals an order has had before it was revived
FORMER = "former"  # the memo that names the run in whose place a run was started
TOKEN = "actor_token"  # noqa: S105 - the name of the field in which a command carries its proof


def page_address(web_url: str, order_id: str) -> str:
    """The address of an order's page; `web_url` is where the pages are."""
    return f"{web_url.rstrip('/')}/pages/orders/{quote(order_id, safe='')}"


def workflow_id(order_id: str) -> str:
    """The workflow id of an order; without a slash, so that Temporal's HTTP API can address it."""
    return f"{PREFIX}{order_id}"
