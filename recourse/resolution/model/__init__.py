"""What an order is: its terms, state, events, commands and record."""
