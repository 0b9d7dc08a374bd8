"""Self-contained HTML files: one shell, one style, and the parts that a page is made of."""

import base64
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

from tfgan.ground import pictures
from tfgan.run.workdir import Workdir

MOST_FRAMES = 60
_MOST_BYTES = 1_900_000  # of all frames; a third more in base64
_QUALITY = 80  # half the bytes of the PNG

# The scripts that a part uses, besides its own.
_USES = {"explore": ("network", "latents", "sheet"), "check": ("network",), "training": ("chart",)}


def compose(title: str, parts: Sequence[str], data: dict[str, Any]) -> bytes:
    """Puts a page together.

    Args:
        title: of the document.
        parts: names in `web/`; each has a `.html` and a `.js`, and these stand in this order.
        data: what the scripts find as `DATA`.

    Returns:
        The file, the same for the same arguments. It forbids the browser all requests.
    """
    used = [script for part in parts for script in (*_USES.get(part, ()), part)]
    text = json.dumps(data, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
    shell = string.Template(_web("shell.html"))
    page = shell.substitute(
        title=html.escape(title),
        style=_web("style.css"),
        body="\n".join(_web(f"{part}.html") for part in parts),
        data=text,
        script="\n".join(_web(f"{name}.js") for name in dict.fromkeys(["common", *used])),
    )
    return page.encode()


def history(workdir: Workdir) -> dict[str, Any]:
    """A run through time: the fixed latents' pictures, at most 60, and the curves.

    Returns:
        "frames": each with its "epoch", from 0, and its "source", a data URI; all "epochs";
        "curves", each with a "title", the "epochs" of its points, "series" of a "name" and
        "values", and, where it is known, a "range".
    """
    rows = workdir.epochs()
    names = [name for name in rows[0] if name not in ("epoch", "step")] if rows else []
    losses = [name for name in names if name.endswith("_loss")]
    beliefs = [name for name in names if name.startswith("D(")]
    curves = [
        _curve("Losses", losses, rows),
        _curve("The discriminator's belief that it sees a real image", beliefs, rows)
        | {"range": [0, 1]},
        *(
            _curve(name.replace("_", " "), [name], rows)
            for name in names
            if name not in losses + beliefs
        ),
    ]
    return {
        "frames": _frames(workdir),
        "epochs": [int(row["epoch"]) for row in rows],
        "curves": [curve for curve in curves if curve["epochs"]],
    }


def _curve(title: str, names: list[str], rows: list[dict[str, str]]) -> dict[str, Any]:
    """The columns of these names, where they have numbers: evaluations leave cells empty."""
    columns = [[float(row[name] or "nan") for name in names] for row in rows]
    kept = [index for index, values in enumerate(columns) if names and np.isfinite(values).all()]
    return {
        "title": title,
        "epochs": [int(rows[index]["epoch"]) for index in kept],
        "series": [
            {"name": name, "values": [columns[index][column] for index in kept]}
            for column, name in enumerate(names)
        ],
    }


def picture(file: pathlib.Path) -> str | None:
    """A picture file as a data URI, in JPEG, which has no transparency; None if there is none."""
    if not file.exists():
        return None
    buffer = io.BytesIO()
    with Image.open(file) as image:
        shown = image if image.mode in ("L", "RGB") else image.convert("RGB")
        shown.save(buffer, "JPEG", quality=_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def _frames(workdir: Workdir) -> list[dict[str, Any]]:
    files = list(workdir.fixed_pictures().items())
    if not files:
        return []
    # Noise compresses worst, and the first epoch's pictures are nearest to it.
    size = len(picture(files[0][1]) or "") * 3 // 4
    most = max(2, min(MOST_FRAMES, _MOST_BYTES // size))
    chosen = [files[index] for index in pictures.spread(len(files), most)]
    return [{"epoch": epoch, "source": picture(file)} for epoch, file in chosen]


def _web(name: str) -> str:
    return (importlib.resources.files("tfgan") / "web" / name).read_text("utf-8")
