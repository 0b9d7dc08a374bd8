"""`tfgan-eval-pictures-v1`: the scores of samples of any set of pictures, and the references."""

import contextlib
import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable

import numpy as np

from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import features as selfsupervised
from tfgan.evaluation import metrics, neighbours, patches, picture_parts
from tfgan.evaluation.features import Features
from tfgan.evaluation.picture_parts import Parts
from tfgan.evaluation.protocol import Metric, Row, alone, over_sets
from tfgan.ground.files import write_file

SETS = 5
PIXELS_SIDE = 32  # at most, of images whose nearest training image is looked for
_REPEATED = 1  # percentile

METRICS = {
    "fsd": Metric("FSD", 3),
    "kid": Metric("KID", 4),
    "swd": Metric("SWD", 1),
    "precision": Metric("precision", 3),
    "recall": Metric("recall", 3),
    "density": Metric("density", 3),
    "coverage": Metric("coverage", 3),
    "repeats": Metric("repeats", 3),
    "c2st": Metric("C2ST", 3),
    "nn_ratio_median": Metric("NN ratio", 3, quick=False),
    "nn_ratio_p01": Metric("NN ratio, 1 %", 3, quick=False),
}
IDEAL = {
    "fsd": 0.0,
    "kid": 0.0,
    "swd": 0.0,
    "repeats": _REPEATED / 100,
    "c2st": 0.5,
    "nn_ratio_median": 1.0,
    "nn_ratio_p01": 1.0,
}


@dataclasses.dataclass(frozen=True)
class Reference:
    """The held-out images that samples are compared with.

    Attributes:
        image_set: their set.
        parts: the parts of that set.
        features: the features, trained on its other images.
        images: uint8 `(count, height, width, channels)`.
    """

    image_set: ImageSet
    parts: Parts
    features: Features
    images: np.ndarray

    @classmethod
    def load(cls, image_set: ImageSet, say: Callable[[str], None] = print) -> "Reference":
        """Loads the images and the features, which are trained if there are none yet.

        Raises:
            UserError: if the set is not available, or has too few images.
        """
        parts = picture_parts.parts(image_set)
        seeing = selfsupervised.load(image_set, parts.fit, say)
        return cls(image_set, parts, seeing, picture_parts.load(image_set, parts.held_out))

    @functools.cached_property
    def seen(self) -> np.ndarray:
        """The images' features, float64 `(count, features)`."""
        return self.features(self.images)

    @functools.cached_property
    def radii(self) -> np.ndarray:
        """`neighbours.radii` of the features."""
        return neighbours.radii(self.seen)

    @functools.cached_property
    def patches(self) -> patches.Reference:
        """The images' patches."""
        return patches.Reference(self.images)

    @functools.cached_property
    def fit(self) -> np.ndarray:
        """Training images for the search for copies, of at most 32 pixels."""
        images = picture_parts.load(self.image_set, self.parts.fit)
        return small(images)

    @functools.cached_property
    def floor_images(self) -> np.ndarray:
        """Real images that are scored like samples."""
        return picture_parts.load(self.image_set, self.parts.floor)

    @functools.cached_property
    def distances(self) -> tuple[float, float]:
        """Distances of the images to the nearest in `fit`: median and 1st percentile."""
        return _nearest(self.images, self.fit)


def small(images: np.ndarray) -> np.ndarray:
    """Images reduced to at most 32 pixels, for the comparison with training images."""
    return picture_parts.at_most(images, PIXELS_SIDE)


def _nearest(images: np.ndarray, fit: np.ndarray) -> tuple[float, float]:
    _, distances = neighbours.nearest(small(images), fit)
    return float(np.median(distances)), float(np.percentile(distances, 1))


def score(
    images: np.ndarray, features: np.ndarray, reference: Reference, quick: bool = False
) -> dict[str, float]:
    """Every metric of one set of samples, as many as there are held-out images.

    Args:
        images: uint8 `(count, height, width, channels)`.
        features: what the reference's network sees in them, `(count, features)`.
        reference: the real images.
        quick: whether to leave out the comparison with training images.

    Returns:
        Values by the names of `METRICS`. "fsd_error" and "kid_error" are standard errors, and
        "swd_32" is the SWD of the level whose shorter side has 32 pixels.
    """
    kid, kid_error = metrics.kernel_distance(reference.seen, features)
    manifolds = neighbours.manifolds(reference.seen, features, reference.radii)
    swd = reference.patches.distances(images)
    found = {
        "fsd": metrics.frechet_distance(reference.seen, features),
        "fsd_error": metrics.frechet_error(reference.seen, features),
        "kid": kid,
        "kid_error": kid_error,
        "swd": float(np.mean(swd)),
        **{
            f"swd_{side}": value
            for side, value in zip(patches.levels(min(images.shape[1:3])), swd, strict=True)
        },
        **manifolds._asdict(),
        "repeats": repeats(reference.radii, neighbours.radii(features)),
        "c2st": metrics.two_sample_accuracy(reference.seen, features),
    }
    if quick:
        return found
    with np.errstate(divide="ignore", invalid="ignore"):  # held-out images that are in `fit` too
        ratios = np.divide(_nearest(images, reference.fit), reference.distances)
    return found | {"nn_ratio_median": float(ratios[0]), "nn_ratio_p01": float(ratios[1])}


def repeats(real_radii: np.ndarray, radii: np.ndarray) -> float:
    """The share of samples whose 5th neighbour is as near as that of the nearest 1 % of real ones.

    It is about 0.01 for real images, and 1 if every sample occurs six times.

    Args:
        real_radii: `neighbours.radii` of the real images.
        radii: `neighbours.radii` of the samples.
    """
    return float(np.mean(radii <= np.percentile(real_radii, _REPEATED)))


def row(images: np.ndarray, features: np.ndarray, reference: Reference, quick: bool = False) -> Row:
    """Scores disjoint sets separately, each with as many samples as held-out images; see `score`.

    Returns:
        Mean and standard deviation over the sets; the latter is None for one set.
    """
    size = reference.parts.size
    parts = [slice(start, start + size) for start in range(0, len(images), size)]
    return over_sets([score(images[part], features[part], reference, quick) for part in parts])


def floors(
    reference: Reference, quick: bool = False, say: Callable[[str], None] = print
) -> dict[str, Row]:
    """The reference scores, computed once for a set and its features, and stored.

    Returns:
        The rows "floor", other real images against the held-out ones; and "ideal", the scores of
        a perfect sampler.
    """
    digest = hashlib.sha256(reference.images.tobytes())
    digest.update(reference.floor_images.tobytes())
    known = (reference.features.sha256, sorted(METRICS), quick, digest.hexdigest())
    path = picture_parts.cache(reference.image_set, "floors.json", *known)
    with contextlib.suppress(OSError, ValueError, KeyError):  # a damaged one is computed again
        return json.loads(path.read_bytes())["rows"] | {"ideal": alone(IDEAL)}
    say("Floors: scoring real images against real images, once per image set")
    real = reference.floor_images
    rows = {"floor": row(real, reference.features(real), reference, quick)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_file(path, json.dumps({"rows": rows}, indent=2).encode())
    except OSError as error:
        say(f"Floors: not saved, {path.parent}: {error.strerror}")
    return rows | {"ideal": alone(IDEAL)}
