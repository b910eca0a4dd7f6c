"""What touches the world: writing a step, telling the parties, paying."""
