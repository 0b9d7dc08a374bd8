"""Scores of samples by the protocols that `docs/evaluation.md` describes."""

PROTOCOL = "tfgan-eval-v2"  # of sets with classes
PICTURES_PROTOCOL = "tfgan-eval-pictures-v1"  # of all others
