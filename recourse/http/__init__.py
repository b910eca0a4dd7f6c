"""Clients of the HTTP API. They need `pydantic` and `httpx2` alone."""
