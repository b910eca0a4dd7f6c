"""Files of evidence: which kinds are taken, and the stores that keep them."""
