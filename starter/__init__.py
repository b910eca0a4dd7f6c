"""How other programs and people reach an order: typed client, command line, simulator, demo."""
