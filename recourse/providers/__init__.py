"""Payment providers that Recourse brings."""
