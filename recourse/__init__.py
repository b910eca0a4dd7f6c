"""Durable order cancellation and dispute resolution for freelance marketplaces, on Temporal and PostgreSQL."""
