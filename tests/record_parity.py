"""Records `parity.npz`, the PyTorch loop's trajectory that `test_parity.py` compares with.

pip install -e .[parity,test]
python tests/record_parity.py
"""

import pathlib

import numpy as np
import torch
import tutorial_torch
import wgan_gp_torch
from test_parity import LEARNING_RATE, PENALTY, SMALL, critic_inputs, inputs, labelled_inputs


def main() -> None:
    recorded = {}

    def keep(prefix, logs, g_weights, d_weights):
        recorded[f"{prefix}/logs"] = np.array(logs)
        for index, weight in enumerate(g_weights + d_weights):
            recorded[f"{prefix}/weight{index:02d}"] = weight

    def record(prefix, arguments, g_loss, dtype, **labels):
        more = (g_loss, LEARNING_RATE, getattr(torch, dtype))
        keep(prefix, *tutorial_torch.train(*arguments, *more, **labels))

    for dtype in ("float64", "float32"):
        for g_loss in ("non_saturating", "minimax"):
            record(f"{dtype}/{g_loss}", inputs(SMALL, dtype), g_loss, dtype)
    *arguments, labels = labelled_inputs(SMALL)
    record("conditional", arguments, "non_saturating", "float64", labels=labels)
    keep("wasserstein", *wgan_gp_torch.train(*critic_inputs(SMALL), PENALTY, LEARNING_RATE))
    path = pathlib.Path(__file__).with_name("parity.npz")
    np.savez_compressed(path, **recorded)
    print(f"{path}: {path.stat().st_size:,} bytes, torch {torch.__version__}")


if __name__ == "__main__":
    main()
