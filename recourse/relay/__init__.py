"""Handing the changes on to what a marketplace already runs."""
