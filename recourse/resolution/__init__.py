"""The rules of an order's early ending, pure: no clock, no randomness, no input or output.

`decide` says what a command or a fired clock does, `evolve` applies it, `next_clock` says when time acts next.
Everything else (the Temporal workflow, the database, the simulator) carries what these functions say.
"""
