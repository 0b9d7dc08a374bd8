"""Reference scores: real images and controls under the same metrics.

They are computed once for a set and a classifier, and stored beside the data.
"""

import contextlib
import hashlib
import json
import pathlib
from collections.abc import Callable

import numpy as np
import scipy.stats

from tfgan.datasets import sources
from tfgan.evaluation import PROTOCOL, metrics, neighbours, parzen, splits
from tfgan.evaluation.protocol import (
    METRICS,
    SET_SIZE,
    RealImages,
    Reference,
    Row,
    alone,
    copying,
    row,
)
from tfgan.ground.files import write_file

Rows = dict[str, Row]


def load(
    reference: Reference,
    quick: bool = False,
    say: Callable[[str], None] = print,
) -> tuple[Rows, RealImages | None]:
    """The rows of real images and controls, and the images that the slow metrics need.

    Args:
        reference: the real images that samples are compared with.
        quick: whether to leave out the slow metrics.
        say: called with each line of output.

    Returns:
        The rows "floor", `train[50000:]` against the test images; "kmeans", k-means centroids as
        centres of Parzen windows; and "ideal", the scores of a perfect sampler. And the images for
        the slow metrics, None if `quick`.
    """
    validation, _ = splits.load(reference.image_set, "validation")
    fit = None if quick else splits.load(reference.image_set, "fit")[0]
    path = _path(reference, validation, fit)
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # made again
        kept = json.loads(path.read_bytes())
        real = None if fit is None else RealImages(fit, validation, *kept["distances"])
        return kept["rows"] | {"ideal": ideal(reference)}, real
    say("Floors: scoring real images against real images, once per image set and classifier")
    real = None
    if fit is not None:
        _, distances = neighbours.nearest(reference.images, fit)
        median, p01 = float(np.median(distances)), float(np.percentile(distances, 1))
        real = RealImages(fit, validation, median, p01)
    rows = _rows(reference, validation, real)
    content = {"rows": rows, "distances": [real.median, real.p01] if real else None}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps(content, indent=2).encode())
    except OSError as error:
        say(f"Floors: not saved, {path.parent}: {error.strerror}")
    return rows | {"ideal": ideal(reference)}, real


def _path(reference: Reference, validation: np.ndarray, fit: np.ndarray | None) -> pathlib.Path:
    builder = sources.prepare(reference.image_set, lambda line: None)
    names = " ".join(METRICS)  # an older version may have had fewer
    digest = hashlib.sha256(f"{PROTOCOL} {reference.classifier.sha256} {names}".encode())
    for images in (reference.images, validation, fit):
        if images is not None:
            digest.update(images.tobytes())
    kind = "quick" if fit is None else "full"
    return splits.cache(builder) / f"floors-{kind}-{digest.hexdigest()[:16]}.json"


def _rows(reference: Reference, validation: np.ndarray, real: RealImages | None) -> Rows:
    images = validation[:SET_SIZE]
    floor = row(images, reference.classifier(images), reference)
    mean, std = metrics.classifier_score(reference.probabilities)
    floor["classifier_score"] = {"mean": mean, "std": std}
    if real is None:
        return {"floor": floor}
    floor |= alone(copying(images, real))
    # Centres are taken from elsewhere than the images that choose sigma, as samples are.
    centres = real.fit[:SET_SIZE]
    floor |= _parzen(centres, reference, real)
    centroids = parzen.centroids(real.fit, len(centres))
    return {"floor": floor, "kmeans": _parzen(centroids, reference, real)}


def _parzen(centres: np.ndarray, reference: Reference, real: RealImages) -> Row:
    found = parzen.log_likelihood(centres, real.validation, reference.images)
    return alone({"parzen": found.mean, "parzen_error": found.error, "parzen_sigma": found.sigma})


def ideal(reference: Reference) -> Row:
    """The scores of a perfect sampler, as far as they are known without sampling."""
    shares = reference.shares
    true_shares = np.bincount(reference.labels) / len(reference.labels)
    known = {
        "fcd": 0.0,
        "kid": 0.0,
        "classifier_score": float(np.exp(scipy.stats.entropy(true_shares))),
        "class_kl": metrics.expected_kl(shares, SET_SIZE),
        "classes": float(metrics.classes_present(shares)),
        "c2st": 0.5,
        "nn_ratio_median": 1.0,
        "nn_ratio_p01": 1.0,
    }
    return alone(known)
