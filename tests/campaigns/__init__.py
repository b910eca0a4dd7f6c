"""Small versions of the campaigns, and tests that the campaigns themselves would notice what they look for."""
