"""A training run: its settings, its folder, its checkpoints, and what it writes."""
