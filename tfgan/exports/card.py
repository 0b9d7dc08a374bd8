"""The model card beside exported generators (Mitchell et al., Model Cards, FAT* 2019)."""

import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgan import noise
from tfgan.datasets.classes import MOST_ROWS, ROW, Classes
from tfgan.exports import hub
from tfgan.exports.formats import FORMATS, Trained
from tfgan.exports.saved_model import classes_of
from tfgan.ground.files import write_file
from tfgan.ground.markdown import code, plain
from tfgan.ground.version import __version__
from tfgan.networks import labelled
from tfgan.run.config import TrainConfig

PICTURE = "samples.png"

_CARD = """\
# A generator of {name} images

![{count} generated images](samples.png)

The generator of a GAN ([Goodfellow et al. 2014](https://arxiv.org/abs/1406.2661)), trained by
tfgan {version} with TensorFlow {tensorflow} and Keras {keras}. The picture shows {shown}

| | |
|---|---|
| trained on | {dataset}, an image set |
| weights | {weights}; {parameters:,} parameters |
| input | `z`: float32 `(batch, {latent_size})`, drawn from {source}{label} |
| output | `images`: float32 `(batch, {shape})` in [0, 1]: batch, height, width, channels |
{classes}| settings | {settings} |

## Intended use

{purpose}
{metrics}
## Loading

Each format takes any number of latents at a time{unlike}. Paths are relative to this folder.
{choice}{loading}{licence}"""

_SHOWN = """\
the images
of the first 64 latents of seed 1; none were selected."""
_SHOWN_BY_CLASS = """\
the images
of the first {each} latents of seed 1, one row for each of {which}; none were selected."""

_PURPOSE = """\
The generator draws images that resemble its training set. They have no labels, and some are
illegible. What is rare in or missing from the training set is rarer or missing here."""
_PURPOSE_BY_CLASS = """\
The generator draws images of the requested class that resemble its training set. Some are illegible
or of another class. What is rare in or missing from the training set is rarer or missing here."""

_LABEL = "; `label`: int64 `(batch,)`, the class of each image, or -1 for a random one"
_CHOICE = """
`label` is the number of each image's class. The code below asks for class 1{name}. -1 draws a class
at random, by the shares above, except in the Keras format, which has no -1. A number that is not a
class gives an error or NaN.
"""
_LICENCE = """
## Licence

tfgan sets no licence for these weights, because it does not know the terms of the training images.
To set one, add a line such as `license: cc-by-4.0` at the top of this file, from
[the Hub's list](https://huggingface.co/docs/hub/repositories-licenses). tfgan itself is under
Apache-2.0.
"""


def write(folder: pathlib.Path, trained: Trained, say: Callable[[str], None]) -> None:
    """Writes the card of a folder of exports, on the formats that it holds, as `README.md`."""
    generator = trained.generator
    classes = classes_of(generator, trained.data)
    latent_size = labelled.latent_size_of(generator)
    source = noise.IN_WORDS[trained.config["latents"]]
    normal = trained.config["latents"] == "normal"
    metrics, scores = _metrics(trained, say)
    for_hub = (folder / FORMATS["hub"].file).exists()
    content = _CARD.format(
        name=plain(trained.config["dataset"]),
        dataset=code(trained.config["dataset"]),
        version=__version__,
        tensorflow=tf.__version__,
        keras=keras.__version__,
        weights=trained.weights,
        parameters=generator.count_params(),
        latent_size=latent_size,
        source=source,
        unlike=""
        if normal
        else f"; the code below draws from N(0, I), so replace that by {source}",
        shape=", ".join(map(str, generator.output_shape[1:])),
        settings=_settings(trained.config),
        metrics=metrics,
        loading="".join(_loading(name, latent_size, folder, generator) for name in FORMATS),
        licence=_LICENCE if for_hub else "",
        **_told(classes) if classes else _UNTOLD,
    )
    head = hub.front_matter(trained, scores) if for_hub else ""
    write_file(folder / "README.md", (head + content).encode())


_UNTOLD = {"count": 64, "shown": _SHOWN, "label": "", "classes": "", "purpose": _PURPOSE}
_UNTOLD |= {"choice": ""}


def _told(classes: Classes) -> dict[str, Any]:
    """What the card of a conditional generator says instead."""
    count = len(classes.present)
    rows = min(count, MOST_ROWS)
    which = "the classes" if rows == count else f"the first {rows} of {count} classes"
    named = [""] * count if classes.numbered else [f" {plain(name)}" for name in classes.names]
    each = [
        f"{label}{name} ({100 * share:.3g} %)"
        for label, (name, share) in enumerate(zip(named, classes.shares, strict=True))
    ]
    return {
        "count": rows * ROW,
        "shown": _SHOWN_BY_CLASS.format(each=ROW, which=which),
        "label": _LABEL,
        "classes": f"| classes, shares | {', '.join(each)} |\n",
        "purpose": _PURPOSE_BY_CLASS,
        "choice": _CHOICE.format(name=f",{named[1]}" if named[1] else ""),
    }


def _settings(config: dict[str, Any]) -> str:
    """The options that decide the weights and are not the tutorial's."""
    defaults = TrainConfig().to_dict()
    shown = TrainConfig.from_recorded(config).shown().items()
    changed = [code(f"--{name}={value}") for name, value in shown if value != defaults[name]]
    return ", ".join(changed) or "those of the tutorial's recipe"


def _loading(name: str, latent_size: int, folder: pathlib.Path, generator: keras.Model) -> str:
    kind = FORMATS[name]
    if not (folder / kind.file).exists():
        return ""
    told = labelled.classes_of(generator)
    lines = (kind.loading_told if told else kind.loading).format(latent_size=latent_size)
    if name == "keras" and '"tfgan>' in generator.to_json():
        lines = f"from tfgan import networks  # defines its layers\n{lines}"
    block = f"\n```python\n{lines}```\n" if lines else ""
    return f"\n`{kind.file}`: {kind.what}.\n{block}"


def _metrics(trained: Trained, say: Callable[[str], None]) -> tuple[str, hub.Scores | None]:
    """What `evaluation.json` says of this generator, if it is of the same step, also as a table."""
    file = trained.workdir.path / "evaluation" / "evaluation.json"
    try:
        found = json.loads(file.read_bytes())
        rows = {"this generator": found["rows"][trained.name]}
        rows |= {name: row for name, row in found["rows"].items() if "floor" in name}
        step = found.get("step")
        lines = [
            [plain(name), *(_value(row.get(name)) for row in rows.values())]
            for name in rows["this generator"]
        ]
        warnings = [f"\nWarning: {plain(text)}.\n" for text in found.get("warnings", [])]
        scores = hub.Scores(
            protocol=str(found["protocol"]) + (" (quick)" if found.get("quick") else ""),
            means={
                name: float(entry["mean"])
                for name, entry in rows["this generator"].items()
                if entry["mean"] is not None and math.isfinite(entry["mean"])
            },
            labels={name: str(label) for name, (label, *_) in found.get("metrics", {}).items()},
        )
    except FileNotFoundError:
        return "", None
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        say(f"{file}: is damaged, or has no {trained.name}; the card has no metrics")
        return "", None
    if step != trained.step:
        say(f"{file}: is not of step {trained.step:,}; the card has no metrics")
        return "", None
    header = ["", *map(plain, rows)]
    table = [header, ["---"] * len(header), *lines]
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in table)
    by = (
        f"Measured by `python -m tfgan.evaluate`, protocol {plain(scores.protocol)}. "
        "The floor is the score of real images."
    )
    return f"\n## Metrics\n\n{by}\n\n{text}\n{''.join(warnings)}", scores


def _value(entry: dict[str, Any] | None) -> str:
    if entry is None or entry["mean"] is None:
        return "n/a"
    spread = "" if entry["std"] is None else f" ± {entry['std']:.2g}"
    return f"{entry['mean']:.4g}{spread}"
