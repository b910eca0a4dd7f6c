"""JSON Schemas of everything that another program sends to an order or hears from it."""

from recourse.web.schemas.compatibility import breaks
from recourse.web.schemas.messages import SAID_BY_ORDERS, schemas

__all__ = ["SAID_BY_ORDERS", "breaks", "schemas"]
