"""The durable process: one Temporal workflow an order."""
