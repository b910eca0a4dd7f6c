"""Tests of the relays: with a real NATS server, and PostgreSQL's own logical decoding."""
