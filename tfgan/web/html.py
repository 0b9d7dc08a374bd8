"""Self-contained HTML files: one shell, one style, and the parts that a page is made of."""

import base64
import hashlib
import html
import importlib.resources
import io
import json
import pathlib
import string
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from tfgan.datasets.classes import MOST_ROWS, ROW, Classes
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.run.workdir import Workdir

MOST_FRAMES = 60
_MOST_BYTES = 1_900_000  # of all frames; a third more in base64
_DECIMALS = 3
# What `--evaluate_every` adds: names and decimals as in the `METRICS` of `evaluation.protocol` and
# `evaluation.picture_protocol`, which cannot be imported from here.
SCORES = {
    "fcd": ("FCD", 2),
    "fsd": ("FSD", 3),
    "kid": ("KID", 4),
    "swd": ("SWD", 1),
    "precision": ("precision", 3),
    "recall": ("recall", 3),
    "density": ("density", 3),
    "coverage": ("coverage", 3),
    "repeats": ("repeats", 3),
    "classifier_score": ("class score", 3),
    "class_kl": ("class KL", 5),
    "class_error": ("class error", 3),
    "classes": ("classes", 1),
    "c2st": ("C2ST", 3),
    "label_accuracy": ("label accuracy", 4),
}
_VALIDATION = {  # what `--keep_best` adds
    "validation_fcd": ("FCD of the validation images", 2),
    "validation_fsd": ("FSD of the validation images", 3),
    "validation_coverage": ("coverage of the validation images", 3),
    "validation_parzen": ("Parzen log-likelihood of the validation images", 1),
    "best_step": ("step of the best generator so far", 0),
}
_BY_CLASS, _MOST_CLASSES = "accuracy_of_", 20  # of each class: one chart, while it can be read

# The scripts of a part; of any other, the one that has its name.
_SCRIPTS = {
    "explore": ("network", "latents", "sheet", "explore"),
    "draw": ("network", "latents", "sheet", "gradient", "search", "draw"),
    "between": (),  # of "explore"
    "check": ("network", "check"),
    "training": ("chart", "training"),
}


def compose(title: str, parts: Sequence[str], data: dict[str, Any]) -> bytes:
    """Puts a page together.

    Args:
        title: of the document.
        parts: names in `web/`; each has a `.html`, and its scripts, in this order.
        data: what the scripts find as `DATA`.

    Returns:
        The file, the same for the same arguments. It forbids the browser all requests, and every
        script but its own.
    """
    used = [script for part in parts for script in _SCRIPTS.get(part, (part,))]
    # Without "<", nothing in it can end the element that it stands in, nor begin another.
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    style = f"\n{_web('style.css')}\n"
    script = "\n".join(_web(f"{name}.js") for name in dict.fromkeys(["common", *used]))
    script = f"\n{script}\n"
    page = string.Template(_web("shell.html")).substitute(
        title=html.escape(title),
        style=style,
        style_hash=_hash(style),
        body="\n".join(_web(f"{part}.html") for part in parts),
        data=text,
        script=script,
        script_hash=_hash(script),
    )
    return page.encode()


def _hash(source: str) -> str:
    """What a content security policy calls the one script, or style, that it lets through."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


def history(workdir: Workdir) -> dict[str, Any]:
    """A run through time: the fixed latents' pictures, at most 60, and the curves.

    Returns:
        "frames": each with its "epoch", from 0, and its "source", a data URI; all "epochs";
        "count", the pictures of a frame; "rows", the names of the classes whose rows they are;
        "curves", each with a "title", the "epochs" of its points, the "decimals" that its numbers
        are shown with, "series" of a "name" and "values", and perhaps the "reach" of its axis at
        least.
    """
    rows = workdir.epochs()
    names = [name for name in rows[0] if name not in ("epoch", "step")] if rows else []
    losses = [name for name in names if name.endswith("_loss")]
    beliefs = [name for name in names if name.startswith("D(")]
    classes = [name for name in names if name.startswith(_BY_CLASS)]
    others = [name for name in names if name not in losses + beliefs + classes]
    known = SCORES | _VALIDATION
    labels = {name: known.get(name, (name.replace("_", " "), _DECIMALS)) for name in others}
    curves = [
        _curve("Losses", losses, rows),
        _curve("The discriminator's probability that an image is real", beliefs, rows)
        | {"reach": 1},  # which the least squares may leave
        *(
            {**_curve(label, [name], rows), "decimals": decimals}
            for name, (label, decimals) in labels.items()
        ),
    ]
    if len(classes) <= _MOST_CLASSES:
        curve = _curve("label accuracy by class", classes, rows)
        for series in curve["series"]:
            series["name"] = series["name"].removeprefix(_BY_CLASS)
        curves.append(curve | {"reach": 1})
    rows_of = _rows(workdir)
    return {
        "frames": _frames(workdir),
        "count": ROW * len(rows_of) or 64,
        "rows": rows_of,
        "epochs": [int(row["epoch"]) for row in rows],
        "curves": [curve for curve in curves if curve["epochs"]],
    }


def _rows(workdir: Workdir) -> list[str]:
    """The names of the first classes of a conditional run, whose fixed latents are a row each."""
    recorded = workdir.recorded() or {}
    if not recorded.get("config", {}).get("conditional"):
        return []
    try:
        classes = Classes.from_dict(recorded["environment"]["data"]["classes"])
    except (ValueError, LookupError, TypeError):
        raise UserError(f"{workdir.config}: does not list the classes of its set") from None
    return [classes.names[label] for label in classes.present[:MOST_ROWS]]


def _curve(title: str, names: list[str], rows: list[dict[str, str]]) -> dict[str, Any]:
    """The columns of these names, where they have numbers: evaluations leave cells empty."""
    columns = [[float(row[name] or "nan") for name in names] for row in rows]
    kept = [index for index, values in enumerate(columns) if names and np.isfinite(values).all()]
    return {
        "title": title,
        "decimals": _DECIMALS,
        "epochs": [int(rows[index]["epoch"]) for index in kept],
        "series": [
            {"name": name, "values": [columns[index][column] for index in kept]}
            for column, name in enumerate(names)
        ],
    }


def picture(file: pathlib.Path, height: int | None = None) -> str | None:
    """A PNG as a data URI, as it is or down to a height; None if there is none.

    No other format: JPEG takes a quarter of the colours' resolution and knows no transparency.
    """
    if not file.exists():
        return None
    content = file.read_bytes()
    if height is not None:
        buffer = io.BytesIO()
        with Image.open(file) as whole:
            whole.crop((0, 0, whole.width, min(height, whole.height))).save(buffer, "PNG")
        content = buffer.getvalue()
    return "data:image/png;base64," + base64.b64encode(content).decode()


def _frames(workdir: Workdir) -> list[dict[str, Any]]:
    """As many of the pictures as fit, both ends among them."""
    files = list(workdir.fixed_pictures().items())
    sizes = [file.stat().st_size for _, file in files]
    most = MOST_FRAMES
    while most > 2 and sum(sizes[i] for i in pictures.spread(len(files), most)) > _MOST_BYTES:
        most -= 1
    chosen = [files[index] for index in pictures.spread(len(files), most)] if files else []
    return [{"epoch": epoch, "source": picture(file)} for epoch, file in chosen]


def _web(name: str) -> str:
    return (importlib.resources.files("tfgan") / "web" / name).read_text("utf-8")
