"""What touches the world: writing a step, delivering notices, paying."""
