"""Samples and interpolations of an exported generator.

The k-th sample of a seed does not depend on the number of samples or on the kind of output. It has
the k-th latent of that seed, and is computed in the same batch of 64, because wide networks round
differently in batches of another size.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from tfgan import noise
from tfgan.exports import outputs, sample_folder
from tfgan.exports.loading import ANY, ROUNDING, Loaded, labels_of, load
from tfgan.exports.outputs import Frames
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import user_path
from tfgan.noise import Stream

WALK_STEPS = 8
DEFAULT, DEFAULT_EACH = 64, 8  # images; images of each of several classes
_BATCH = 64
_CHUNK = 1000  # of a walk
_SAMPLES_A_SECOND, _STEPS_A_SECOND = 4, 12


class Draw:
    """The first samples of a seed, for each of some classes; see `sample_folder.Draw`.

    Args:
        loaded: the generator.
        seed: seed of the latents; each class has the same ones.
        count: samples of each class.
        labels: the classes; `[ANY]` for classes drawn by their shares.
        truncation: see `tfgan.noise.truncated`; None for no truncation.

    Raises:
        UserError: if its latents cannot be truncated, or its `sample` draws other images than its
            `generate` from the expected latents.
    """

    def __init__(
        self,
        loaded: Loaded,
        seed: int,
        count: int,
        labels: list[int],
        truncation: float | None = None,
    ):
        self._loaded, self._seed, self._labels = loaded, seed, labels
        self._truncation = truncation
        self.count, self.starts = count, range(0, count, _BATCH)
        several = len(labels) > 1
        self.folders = sample_folder.names_of(loaded.classes.names, labels) if several else [""]
        theirs = loaded.sample(_BATCH, seed, labels[0])
        z = self._latents(0)
        loaded.truncate(z, truncation)
        ours = loaded.generate(z, np.full(_BATCH, labels[0]))
        if not np.allclose(theirs, ours, rtol=0, atol=ROUNDING):
            raise UserError(
                f"{loaded.named}: its signatures sample and generate give different images, for "
                f"latents of {noise.IN_WORDS[loaded.distribution]}; is it a generator of tfgan?"
            )

    @property
    def record(self) -> dict[str, Any]:
        """The settings that decide the samples."""
        return {
            "model_sha256": self._loaded.sha256()[:16],
            "seed": self._seed,
            "n": self.count,
            "labels": self._labels,
            "truncation": self._truncation,
            "folders": self.folders,
        }

    def batch(self, place: int, start: int) -> np.ndarray:
        """Samples of a class from index `start` on, at most 64."""
        z, label = self._latents(start), self._labels[place]
        labels = np.full(len(z), label)
        if label == ANY and self._loaded.conditional and self._truncation is not None:
            # The class is a hash of z; of the z before, so that it stays.
            labels = noise.by_share(noise.unit_of(z), self._loaded.classes.shares).numpy()
        images = self._loaded.generate(self._loaded.truncate(z, self._truncation), labels)
        return pictures.unit_to_uint8(images)[: self.count - start]

    def batches(self) -> Iterator[np.ndarray]:
        """All samples in batches, class after class."""
        for place in range(len(self._labels)):
            for start in self.starts:
                yield self.batch(place, start)

    def _latents(self, start: int) -> np.ndarray:
        size, distribution = self._loaded.latent_size, self._loaded.distribution
        return noise.latents_from(
            start, 0, Stream.SAMPLES, self._seed, _BATCH, size, distribution
        ).numpy()


def sample(
    model: str,
    n: int | None,
    seed: int,
    output: str,
    label: str = "",
    truncation: float | None = None,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> None:
    """Writes samples to a file, see `outputs.FILES`, or as single pictures to a folder.

    Args:
        model: folder of a SavedModel.
        n: number of samples; if `label` has several classes, of each class. None: 64, or 8 of each.
        seed: seed of the latents; several classes have the same ones.
        output: the file, which is replaced, or the folder, which is completed.
        label: classes of a conditional generator, see `labels_of`. Several classes are rows of a
            grid, or sub-folders of a folder; otherwise they follow one another.
        truncation: see `tfgan.noise.truncated`; None for no truncation.
        overwrite: whether pictures with other settings in the folder are removed first.
        say: called with each line of output.

    Raises:
        UserError: if the model cannot be loaded, has no such class, or the output cannot be
            written.
    """
    loaded = load(model)
    wanted = labels_of(label, loaded) or [ANY]
    several = len(wanted) > 1
    count = n or (DEFAULT_EACH if several else DEFAULT)
    total, most = count * len(wanted), outputs.most(output)
    if total > most:
        raise UserError(
            f"--n={count}: for each of {len(wanted):,} classes makes {total:,} images; "
            f"--output={output} takes at most {most:,}"
        )
    folder = outputs.is_folder(output)
    if folder and len(set(wanted)) < len(wanted):
        raise UserError(
            f"--label={label}: names a class twice, which a folder of pictures cannot hold"
        )
    draw = Draw(loaded, seed, count, wanted, truncation)
    if folder:
        _write(output, lambda path: sample_folder.fill(path, output, draw, overwrite, say))
        return
    columns = count if several else pictures.COLUMNS
    frames = Frames(total, _shown(draw.batches(), total), columns, _SAMPLES_A_SECOND)
    _write(output, lambda path: outputs.kind_of(output).write(path, frames))


def draw(loaded: Loaded, n: int, seed: int, label: int = ANY) -> np.ndarray:
    """`n` images by the signature `sample` of a SavedModel, uint8 `(n, height, width, channels)`.

    Raises:
        UserError: if its output is anything else.
    """
    return pictures.unit_to_uint8(loaded.sample(n, seed, label))


def interpolate(
    model: str,
    n: int | None,
    seed: int,
    output: str,
    label: str = "",
    truncation: float | None = None,
) -> None:
    """Writes spherical walks between `n` latents: a row for each as PNG, or a closed tour.

    If `n` is None, there are 64 latents, or one for each class if there are more classes.

    With classes (all in turn, unless `label` selects some), each latent has the next class, and the
    walks go from class to class along straight lines between their one-hot vectors. Every latent on
    the way is truncated, so that `sample` could draw each of the images.

    Raises:
        UserError: if the model cannot be loaded, has no such class, if more classes are selected
            than there are latents, or if the file cannot be written.
    """
    loaded = load(model)
    wanted = labels_of(label or ("all" if loaded.conditional else ""), loaded)
    n = n or max(DEFAULT, len(wanted))
    if label and n < len(wanted):
        raise UserError(f"--n={n}: a walk through {len(wanted)} classes needs --n={len(wanted)}")
    size, distribution = loaded.latent_size, loaded.distribution
    z = noise.latents(0, Stream.SAMPLES, seed, n, size, distribution=distribution).numpy()
    tour = not output.lower().endswith(".png")
    fractions = np.linspace(0, 1, WALK_STEPS, endpoint=not tour)
    walks = loaded.truncate(_between(z, fractions, tour, slerp), truncation)
    if wanted:
        rows = np.eye(len(loaded.classes.names), dtype=np.float32)[np.resize(wanted, n)]
        weights = _between(rows, fractions, tour, lambda a, b, t: (1 - t) * a + t * b)
        parts = (loaded.blend(*each) for each in zip(*map(_chunks, (walks, weights)), strict=True))
    else:
        parts = (loaded.generate(chunk) for chunk in _chunks(walks))
    images = _shown(map(pictures.unit_to_uint8, parts), len(walks))
    frames = Frames(len(walks), images, WALK_STEPS, _STEPS_A_SECOND)
    _write(output, lambda path: outputs.kind_of(output).write(path, frames))


def _shown(batches: Iterable[np.ndarray], total: int) -> Iterator[np.ndarray]:
    """The batches, with a progress bar on a terminal."""
    from tqdm import tqdm  # which reads variables, and may not like them

    with tqdm(total=total, unit=" images", disable=None, leave=False) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


def _between(
    stops: np.ndarray, fractions: np.ndarray, tour: bool, point: Callable[..., np.ndarray]
) -> np.ndarray:
    """The points from each stop to the next; on a tour, also from the last to the first."""
    ends = np.roll(stops, -1, axis=0)
    ways = list(zip(stops, ends, strict=True))[: None if tour else -1]
    return np.array([point(a, b, t) for a, b in ways for t in fractions], stops.dtype)


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]


def slerp(a: np.ndarray, b: np.ndarray, fraction: float) -> np.ndarray:
    """The point at `fraction` in [0, 1] of the great circle from a to b (Shoemake 1985).

    A straight line would pass through latents of lengths that hardly ever occur.
    """
    cosine = np.dot(a, b) / (np.linalg.norm(a) * np.linalg.norm(b))
    angle = np.arccos(np.clip(cosine, -1, 1))
    if np.sin(angle) < 1e-6:
        return (1 - fraction) * a + fraction * b
    mixed = np.sin((1 - fraction) * angle) * a + np.sin(fraction * angle) * b
    return (mixed / np.sin(angle)).astype(a.dtype)


def _write(output: str, save: Callable[[Any], None]) -> None:
    try:
        save(user_path(output, "--output"))
    except OSError as error:
        raise UserError(f"--output={output}: {error.strerror or error}") from None
