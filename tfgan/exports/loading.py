"""Loads an exported generator; needs only the SavedModel, not `tfgan.GAN`."""

import dataclasses
import functools
import hashlib
import pathlib
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.datasets.classes import Classes
from tfgan.datasets.image_set import ImageSet
from tfgan.exports import class_names, pretrained, saved_model
from tfgan.ground import pictures
from tfgan.ground.errors import UserError, first_line
from tfgan.ground.files import user_path, without_patterns

ANY = -1  # class by the classes' shares
ROUNDING = 1e-3  # that a pixel may be outside [0, 1] by


@dataclasses.dataclass(frozen=True, eq=False)
class Loaded:
    """A SavedModel with the signatures `generate` and `sample`, from any source.

    Attributes:
        named: its name in messages.
        path: its folder, or its file.
        model: the loaded object, which keeps the weights alive.
        distribution: distribution of its latents, see `tfgan.noise.latents`.
        recorded: the classes that it records; None if it records none.
    """

    named: str
    path: pathlib.Path
    model: Any
    distribution: str = "normal"
    recorded: Classes | None = None

    @property
    def conditional(self) -> bool:
        """Whether it takes a class."""
        return "label" in self.model.signatures["sample"].structured_input_signature[1]

    def generate(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Images `(count, height, width, channels)` in [0, 1] of latents `(count, latent_size)`.

        A conditional generator also takes classes, int64 `(count,)`; -1 draws one by the shares.

        Raises:
            UserError: if its output is anything else.
        """
        if not self.conditional:
            return self._call("generate", z=tf.constant(z))
        labels = np.full(len(z), ANY) if labels is None else labels
        return self._call("generate", z=tf.constant(z), label=tf.constant(labels, tf.int64))

    def sample(self, n: int, seed: int, label: int = ANY) -> np.ndarray:
        """`n` images, of a class if it is conditional; see `generate`."""
        numbers = {"n": n, "seed": seed} | ({"label": label} if self.conditional else {})
        given = {name: tf.constant(value, tf.int64) for name, value in numbers.items()}
        return self._call("sample", **given)

    def blend(self, z: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Images between classes, by float32 weights `(count, classes)`; see `generate`."""
        given = {"z": tf.constant(z), "weights": tf.constant(weights, tf.float32)}
        return self._call("blend", **given)

    @property
    def class_count(self) -> int:
        """The number of classes that a conditional generator takes."""
        inputs = self.model.signatures["blend"].structured_input_signature[1]
        return int(inputs["weights"].shape[1])

    @functools.cached_property
    def classes(self) -> Classes:
        """The classes of a conditional generator, with numbers as names if it records none."""
        return self.recorded or Classes.of_numbers(self.class_count)

    @functools.cached_property
    def latent_size(self) -> int:
        """The length of the latents of `generate`.

        Raises:
            UserError: if its signature does not tell.
        """
        given = self.model.signatures["generate"].structured_input_signature[1].get("z")
        if given is None or given.shape.rank != 2 or given.shape[1] is None:
            raise UserError(f"{self.named}: generate has no input z of (count, latent_size)")
        return int(given.shape[1])

    def truncate(self, z: np.ndarray, threshold: float | None) -> np.ndarray:
        """Latents truncated by `tfgan.noise.truncated`; unchanged for None.

        Raises:
            UserError: if they are not of N(0, I).
        """
        if threshold is None:
            return z
        if self.distribution != "normal":
            raise UserError(
                f"--truncation={threshold:g}: {self.named} has latents of "
                f"{noise.IN_WORDS[self.distribution]}; only N(0, I) can be truncated"
            )
        return noise.truncated(z, threshold)

    def sha256(self) -> str:
        """A hash of its graph and its weights."""
        digest = hashlib.sha256()
        files = [self.path]
        if self.path.is_dir():
            files = [self.path / "saved_model.pb", *sorted((self.path / "variables").iterdir())]
        for file in files:
            with open(file, "rb") as content:
                digest.update(hashlib.file_digest(content, "sha256").digest())
        return digest.hexdigest()

    def _call(self, signature: str, **inputs: tf.Tensor) -> np.ndarray:
        try:
            outputs = self.model.signatures[signature](**inputs)
        except (TypeError, ValueError, LookupError, tf.errors.OpError) as error:
            raise UserError(
                f"{self.named}: {signature}({', '.join(inputs)}) fails: {first_line(error)}"
            ) from None
        if "images" not in outputs:
            raise UserError(
                f"{self.named}: has the outputs {', '.join(outputs)}, but images is needed"
            )
        return self._checked(outputs["images"].numpy())

    def _checked(self, images: np.ndarray) -> np.ndarray:
        if images.ndim != 4 or images.shape[-1] not in (1, 3, 4):
            raise UserError(
                f"{self.named}: gives images {images.shape}, but (count, height, width, 1, 3 or 4) "
                f"is needed"
            )
        pictures.check_finite(images, self.named)
        low, high = float(images.min()), float(images.max())
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise UserError(
                f"{self.named}: gives pixels from {low:.3g} to {high:.3g}, but they must lie in "
                f"[0, 1]"
            )
        return images


def load(model: str, named: str = "") -> Loaded:
    """Loads a SavedModel with the signatures `generate` and `sample`, or one of the package.

    Args:
        model: its folder, or one of `pretrained.NAMES`.
        named: its name in messages, if it is not the value of `--model`.

    Raises:
        UserError: if there is none, if it lacks those signatures, or if it records other classes.
    """
    path = user_path(model, "--model")
    named = named or f"--model={model}"
    if pretrained.comes_with_tfgan(model):
        return _from_package(model, named)
    if not (path / "saved_model.pb").is_file():
        raise UserError(f"{named}: no SavedModel there; a run exports one to its generator/")
    try:
        with without_patterns(path) as plain:
            loaded = tf.saved_model.load(str(plain))
    except (OSError, ValueError, LookupError, tf.errors.OpError) as error:
        raise UserError(f"{named}: is damaged: {first_line(error)}") from None
    signatures = set(loaded.signatures)
    if not {"generate", "sample"} <= signatures:
        raise UserError(
            f"{named}: has the signatures {', '.join(loaded.signatures) or 'none'}, but "
            f"generate and sample are needed; is it a generator of tfgan?"
        )
    distribution = saved_model.distribution(path)
    recorded = class_names.recorded_classes(path)
    found = Loaded(named, path, loaded, distribution, recorded)
    if found.conditional and recorded and len(recorded.names) != found.class_count:
        raise UserError(
            f"{path / class_names.DATA}: names {len(recorded.names)} classes, but the generator "
            f"has {found.class_count}; export it again"
        )
    return found


def _from_package(name: str, named: str) -> Loaded:
    """A generator of the package, with the signatures that its export would have."""
    generator = pretrained.pretrained(name)
    data = pretrained.record(name)["data"]
    signatures = {
        signature: _as_signature(*endpoint)
        for signature, endpoint in saved_model.endpoints(generator, data=data).items()
    }
    model = types.SimpleNamespace(signatures=signatures, generator=generator)
    return Loaded(named, pretrained.file(name), model, recorded=pretrained.classes(name))


def _as_signature(
    function: Callable[..., dict[str, tf.Tensor]], inputs: Sequence[tf.TensorSpec]
) -> Callable[..., dict[str, tf.Tensor]]:
    """A function that takes tensors by name, like the signatures of a SavedModel."""

    def by_name(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        return function(*(given[spec.name] for spec in inputs))

    named = {spec.name: spec for spec in inputs}
    return tf.function(by_name, autograph=False).get_concrete_function(**named)


def trained_on(model: str) -> ImageSet | None:
    """The set and the split that a generator was trained on; None if it records none.

    Args:
        model: its folder, or one of `pretrained.NAMES`.

    Raises:
        UserError: if the record is damaged.
    """
    if pretrained.comes_with_tfgan(model):
        return pretrained.image_set(model)
    return saved_model.trained_on(user_path(model, "--model"))


def labels_of(text: str, loaded: Loaded) -> list[int]:
    """The selected classes: "7", "7,1,3", "sneaker" or "all"; none for "".

    Raises:
        UserError: if the generator has no such class, or no classes.
    """
    if not text:
        return []
    if not loaded.conditional:
        raise class_names.unconditional(text, loaded.named)
    return class_names.chosen(text, loaded.classes)
