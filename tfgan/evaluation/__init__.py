"""How good the samples are: protocol `tfgan-eval-v1`, described in `docs/evaluation.md`."""

PROTOCOL = "tfgan-eval-v1"
REVISION = 2  # counts up when last digits change: what is kept of the floors is made again then
