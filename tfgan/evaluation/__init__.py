"""How good the samples are: protocol `tfgan-eval-v1`, described in `docs/evaluation.md`."""

PROTOCOL = "tfgan-eval-v1"
