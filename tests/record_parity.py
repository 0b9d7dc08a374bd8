"""Records `parity.npz`, the PyTorch loop's trajectory that `test_parity.py` compares with.

pip install -e .[parity,test]
python tests/record_parity.py
"""

import pathlib

import numpy as np
import torch
import tutorial_torch
from test_parity import LEARNING_RATE, SMALL, inputs

if __name__ == "__main__":
    recorded = {}
    for dtype in ("float64", "float32"):
        for g_loss in ("non_saturating", "minimax"):
            logs, g_weights, d_weights = tutorial_torch.train(
                *inputs(SMALL, dtype), g_loss, LEARNING_RATE, getattr(torch, dtype)
            )
            recorded[f"{dtype}/{g_loss}/logs"] = np.array(logs)
            for index, weight in enumerate(g_weights + d_weights):
                recorded[f"{dtype}/{g_loss}/weight{index:02d}"] = weight
    path = pathlib.Path(__file__).with_name("parity.npz")
    np.savez_compressed(path, **recorded)
    print(f"{path}: {path.stat().st_size:,} bytes, torch {torch.__version__}")
