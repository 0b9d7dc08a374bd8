"""The model card beside exported generators (Mitchell et al., Model Cards, FAT* 2019)."""

import dataclasses
import html
import json
import pathlib
import re
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgan import noise
from tfgan.exports.formats import FORMATS, Trained
from tfgan.ground.files import write_file
from tfgan.ground.version import __version__
from tfgan.run.config import TrainConfig

PICTURE = "samples.png"
_IS_CODE = re.compile(r"[^`|\n]*")  # which code in a table can hold

_CARD = """\
# A generator of {name} images

![64 images that it drew](samples.png)

The generator of a GAN ([Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661)), trained by
tfgan {version} with TensorFlow {tensorflow} and Keras {keras}. The picture shows the first 64
latents of seed 1, not chosen.

| | |
|---|---|
| trained on | {dataset}, an image set |
| weights | {weights}, after step {step:,}; {parameters:,} parameters |
| input | `z`: float32 `(batch, {latent_size})`, drawn from {source} |
| output | `images`: float32 `(batch, {shape})` in [0, 1]: batch, height, width, channels |
| settings | {settings} |

## What it is for

It draws images that look like those it was trained on, and nothing else: without labels, some
of them illegible, and with whatever is rare in or missing from that set rarer or missing here.
{metrics}
## How to load it

Any number of latents at a time{unlike}. Paths are relative to this folder.
{loading}"""


def write(folder: pathlib.Path, trained: Trained, say: Callable[[str], None]) -> None:
    """Writes the card of a folder of exports, on the formats that it holds, as `README.md`."""
    generator = trained.generator
    latent_size = generator.input_shape[-1]
    source = noise.IN_WORDS[trained.config["latents"]]
    normal = trained.config["latents"] == "normal"
    content = _CARD.format(
        name=_plain(trained.config["dataset"]),
        dataset=_code(trained.config["dataset"]),
        version=__version__,
        tensorflow=tf.__version__,
        keras=keras.__version__,
        weights=trained.weights,
        step=trained.step,
        parameters=generator.count_params(),
        latent_size=latent_size,
        source=source,
        unlike="" if normal else f"; the code draws from N(0, I), so put {source} there",
        shape=", ".join(map(str, generator.output_shape[1:])),
        settings=_settings(trained.config),
        metrics=_metrics(trained, say),
        loading="".join(_loading(name, latent_size, folder, generator) for name in FORMATS),
    )
    write_file(folder / "README.md", content.encode())


def _settings(config: dict[str, Any]) -> str:
    """The options that decide the weights and are not the tutorial's."""
    changed = [
        _code(f"--{field.name}={config[field.name]}")
        for field in dataclasses.fields(TrainConfig)
        if (not field.metadata["free"] or field.name == "epochs")
        and config[field.name] != field.default
    ]
    return ", ".join(changed) or "all of the tutorial's recipe"


def _plain(text: Any) -> str:
    """What somebody has written into a run's folder, as one line that is text in Markdown."""
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(" ".join(str(text).split()), quote=False))


def _code(text: Any) -> str:
    """The same as code, in a table."""
    return f"`{' '.join(str(text).split())}`" if _IS_CODE.fullmatch(str(text)) else _plain(text)


def _loading(name: str, latent_size: int, folder: pathlib.Path, generator: keras.Model) -> str:
    kind = FORMATS[name]
    if not (folder / kind.file).exists():
        return ""
    lines = kind.loading.format(latent_size=latent_size)
    if name == "keras" and '"tfgan>' in generator.to_json():
        lines = f"from tfgan import networks  # layers of its own\n{lines}"
    code = f"\n```python\n{lines}```\n" if lines else ""
    return f"\n`{kind.file}`: {kind.what}.\n{code}"


def _metrics(trained: Trained, say: Callable[[str], None]) -> str:
    """A table of what `evaluation.json` says of this generator, if it is of the same step."""
    file = trained.workdir.path / "evaluation" / "evaluation.json"
    try:
        found = json.loads(file.read_bytes())
        rows = {"this generator": found["rows"][trained.name]}
        rows |= {name: row for name, row in found["rows"].items() if "floor" in name}
        step = found.get("step")
        lines = [
            [_plain(name), *(_value(row.get(name)) for row in rows.values())]
            for name in rows["this generator"]
        ]
        warnings = [f"\nWarning: {_plain(text)}.\n" for text in found.get("warnings", [])]
        protocol = _plain(found["protocol"]) + (" (quick)" if found.get("quick") else "")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        say(f"{file}: is damaged, or knows no {trained.name}; the card has no metrics")
        return ""
    if step != trained.step:
        say(f"{file}: is not of step {trained.step:,}; the card has no metrics")
        return ""
    header = ["", *map(_plain, rows)]
    table = [header, ["---"] * len(header), *lines]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    by = f"By `python -m tfgan.evaluate`, protocol {protocol}."
    return f"\n## Metrics\n\n{by}\n\n{text}\n{''.join(warnings)}"


def _value(entry: dict[str, Any] | None) -> str:
    if entry is None or entry["mean"] is None:
        return "n/a"
    spread = "" if entry["std"] is None else f" ± {entry['std']:.2g}"
    return f"{entry['mean']:.4g}{spread}"
