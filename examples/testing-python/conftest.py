"""Recourse's fixtures for all tests in this folder."""

pytest_plugins = ["recourse.testing"]
