"""How good the samples are: protocols, described in `docs/evaluation.md`."""

PROTOCOL = "tfgan-eval-v2"  # of sets with classes
PICTURES_PROTOCOL = "tfgan-eval-pictures-v1"  # of all others
