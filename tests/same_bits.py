"""Whether two checkouts train to the same bits: every flagfile, for two short epochs.

    python tests/same_bits.py BEFORE AFTER

Prints one line a recipe and ends with status 1 if any differs. For a change that must not change
what is trained.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

import tensorflow as tf

PART = "--split=train[:3000]"
SHORT = ("--epochs=2", PART, "--momentum_epochs=2")
MORE = (
    ("--loss=minimax", "--nojit_compile", PART),
    ("--loss=relativistic", "--r1=1", "--r2=1", "--spectral_norm", PART),
    ("--loss=hinge", "--updates=simultaneous", "--d_dropout=0.3", "--ema=0.99", "--r1=0.1", PART),
    (
        "--strategy=mirrored",
        "--devices=CPU:0,CPU:1",
        "--network=conv",
        "--r1=1",
        "--ema=0.99",
        PART,
    ),
    ("--dataset=stacked_mnist", PART, "--cache_limit_mb=200"),
    ("--cache_limit_mb=10", "--batch_size=1000"),
    ("--conditional", "--ema=0.99", "--r1=1", "--d_dropout=0.3", PART),
    ("--conditional", "--network=conv", "--hidden_size=16", "--split=train[:640]"),
    ("--conditional", "--cache_limit_mb=10", "--batch_size=1000"),
)


def recipes(checkout: pathlib.Path) -> dict[str, tuple[str, ...]]:
    """The flags of each recipe, by its name."""
    found = {}
    for file in sorted((checkout / "flags").glob("*.flags")):
        short = [flag for flag in SHORT if "momentum" not in flag or "momentum" in file.read_text()]
        if file.stem == "infogan_ns":
            short[1] = "--split=train[:640]"
        found[file.stem] = (f"--flagfile={file}", *short)
    return found | {" ".join(flags): ("--epochs=2", *flags) for flags in MORE}


def outcome(checkout: pathlib.Path, flags: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of `metrics.csv` and of each tensor of the last checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        workdir = pathlib.Path(folder, "run")
        done = subprocess.run(
            [sys.executable, "-m", "tfgan.train", *flags, f"--workdir={workdir}"],
            cwd=checkout,
            env=os.environ | {"PYTHONPATH": str(checkout)},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"{checkout}: {' '.join(flags)}: {done.stderr[-2000:]}")
        newest = max((workdir / "checkpoints").iterdir())
        reader = tf.train.load_checkpoint(str(newest / "state"))
        content = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()} | {
            "metrics.csv": (workdir / "metrics.csv").read_bytes()
        }
        return {
            name: hashlib.sha256(
                value
                if isinstance(value, bytes)
                else getattr(value, "tobytes", lambda v=value: v)()
            ).hexdigest()
            for name, value in content.items()
            if not name.startswith("_CHECKPOINTABLE")
        }


def main() -> None:
    before, after = (pathlib.Path(path).resolve() for path in sys.argv[1:])
    differ = False
    for name, flags in recipes(before).items():
        old, new = outcome(before, flags), outcome(after, flags)
        wrong = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
        differ |= bool(wrong)
        verdict = f"DIFFERENT: {', '.join(wrong)}" if wrong else "the same"
        print(f"{name}: {len(old)} arrays and files, {verdict}", flush=True)
    raise SystemExit(int(differ))


if __name__ == "__main__":
    main()
