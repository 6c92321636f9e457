"""`target-gong`: a Singer target for Gong, what is written back exactly once."""
