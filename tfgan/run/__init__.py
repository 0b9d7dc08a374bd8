"""A training run: its settings, its folder, its checkpoints and its output."""
