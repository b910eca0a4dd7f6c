"""Campaigns that try to break the promises of docs/reliability.md: races, crashes, bad messages, long life.

Each runs at any size, from a seed, and ends in a line `N passed, N failed` and a saved report.
"""

BANK = "bank"  # the payment provider of the crash campaign's orders
