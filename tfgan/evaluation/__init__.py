"""How good the samples are: protocol `tfgan-eval-v2`, described in `docs/evaluation.md`."""

PROTOCOL = "tfgan-eval-v2"
