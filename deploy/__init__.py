"""How Recourse is run in production, and the pages about it that are generated."""
