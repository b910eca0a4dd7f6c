"""What a machine needs that has neither PostgreSQL nor Temporal: both started from packages, for demo and tests."""
