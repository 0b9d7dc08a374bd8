"""Which flags belong together: the groups of each command's `--help` and of `docs/flags.md`.

The most used flags come first, in the groups and within each group.
"""

_SET = ("dataset", "data_dir", "manual_dir")
_OWN_PICTURES = ("images", "image_size", "fit", "background", "channels", "holdout")

TRAIN = {
    "Most used": (
        "recipe",
        "workdir",
        "epochs",
        "dataset",
        "images",
        "image_size",
        "conditional",
        "seed",
        "overwrite",
    ),
    "Networks": (
        "network",
        "hidden_size",
        "latent_size",
        "latents",
        "d_dropout",
        "d_input_dropout",
        "spectral_norm",
    ),
    "Losses and penalties": (
        "loss",
        "label_smoothing",
        "r1",
        "r2",
        "gradient_penalty",
        "pack",
        "augment",
    ),
    "Updates and learning rates": (
        "batch_size",
        "d_learning_rate",
        "g_learning_rate",
        "lr_schedule",
        "lr_end",
        "lr_decay",
        "d_steps",
        "updates",
        "ema",
        "optimizer",
        "beta_1",
        "beta_2",
        "momentum",
        "final_momentum",
        "momentum_epochs",
    ),
    "Images": (
        "split",
        *_SET[1:],
        "cache_limit_mb",
        *_OWN_PICTURES[2:],
    ),
    "Where a run starts and ends, and which generator it exports": (
        "init_from",
        "max_minutes",
        "evaluate_every",
        "keep_best",
        "patience",
    ),
    "Logs and checkpoints": (
        "log_every",
        "monitor_every",
        "histograms_every",
        "checkpoint_every_minutes",
        "checkpoint_every_steps",
        "keep_checkpoints",
    ),
    "Devices and speed": (
        "devices",
        "strategy",
        "worker_timeout",
        "precision",
        "jit_compile",
        "threads",
        "steps_per_execution",
    ),
}
SAMPLE = {
    "What to draw": ("model", "n", "label", "seed", "truncation", "interpolate"),
    "Output": ("output", "overwrite"),
}
EVALUATE = {
    "What to score": ("workdir", "model", "samples"),
    "How": ("quick", "truncation", "output"),
    "Images to compare with": _SET,
}
EXPORT = {"Flags": ("workdir", "format", "generator")}
PROJECT = {
    "Most used": ("images", "model", "output", "label"),
    "The search": ("restarts", "steps", "seed"),
    "Images": _SET,
}
DATA = {
    "A set by its name": _SET,
    "Your own pictures": (*_OWN_PICTURES, "name"),
}
LAUNCH = {"Flags": ("workers", "max_restarts")}
TOY = {"Flags": ("density", "loss", "steps", "seed", "workdir", "overwrite")}
DOCTOR = {"Flags": ("workdir",)}
THEORY = {
    "Most used": ("epochs", "output"),
    "The GAN": ("batch_size", "latent_size", "hidden_size", "seed"),
    "Images": _SET,
}
