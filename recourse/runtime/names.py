"""The names by which Temporal knows orders."""

ORDER = "Order"  # the workflow type of every order
PREFIX = "order-"


def workflow_id(order_id: str) -> str:
    """The workflow id of an order; without a slash, so that Temporal's HTTP API can address it."""
    return f"{PREFIX}{order_id}"
