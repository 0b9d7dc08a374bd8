"""The doctor's evidence: one record of measurements for each examination of a run."""

import dataclasses
from typing import Any

_CONDITIONAL = (
    "label_accuracy",
    "label_accuracy_chance",
    "label_accuracy_heldout",
    "class_diversity",
)
_OPTIONAL = ("feature_diversity", "classes", *_CONDITIONAL)


@dataclasses.dataclass(frozen=True)
class Evidence:
    """A generator and a discriminator at one step, in numbers.

    All on fresh latents, with dropout off; "held out" is the set's test split.

    Attributes:
        step: training steps done.
        value_train: V(D, G) on training images, in nats, at most 0.
        value_heldout: V(D, G) on held-out images.
        value_probe: V of a fresh discriminator trained on this G alone, on held-out images.
        d_real: mean D(x) of held-out images.
        d_fake: mean D(G(z)).
        accuracy: how many held-out images and fakes D tells right, the mean of both shares.
        g_gradient: Euclidean norm of the gradient of G's objective, all weights together.
        dead_generator: share of G's hidden units that give the same for every latent.
        dead_discriminator: share of D's that give the same for every image.
        diversity: spread of the fakes' pixels over that of held-out images; the root of the
            trace of their covariance, so that 1 is as varied as the data.
        feature_diversity: the same of a classifier's features; None without a classifier.
        classes: share of each class among the fakes; None without a classifier.
        copied: share of training images among the images nearest to fakes, where there are as
            many held-out ones: 0.5 for a generator that does not copy.
        neighbours: how many images are nearest to some fake.

    What only a conditional GAN has, None for others and in older records:

    Attributes:
        label_accuracy: share of fakes that are seen as the class that was asked for: by a
            classifier, or without one by the nearest mean of a class's training images.
        label_accuracy_chance: the same if the fakes' classes were shuffled.
        label_accuracy_heldout: the same of held-out images.
        class_diversity: the diversity within each class, of features or without a classifier of
            pixels; None for a class of which too few images are looked at.
    """

    step: int
    value_train: float
    value_heldout: float
    value_probe: float
    d_real: float
    d_fake: float
    accuracy: float
    g_gradient: float
    dead_generator: float
    dead_discriminator: float
    diversity: float
    feature_diversity: float | None
    classes: tuple[float, ...] | None
    copied: float
    neighbours: int
    label_accuracy: float | None = None
    label_accuracy_chance: float | None = None
    label_accuracy_heldout: float | None = None
    class_diversity: tuple[float | None, ...] | None = None

    def to_dict(self) -> dict[str, Any]:
        """What is recorded: without what only other GANs have."""
        row = dataclasses.asdict(self)
        return {
            name: row[name] for name in row if name not in _CONDITIONAL or row[name] is not None
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Evidence":
        """The inverse of `to_dict`, also after JSON.

        Raises:
            ValueError, KeyError or TypeError: if the row is something else.
        """
        lists = {name: row.get(name) for name in ("classes", "class_diversity")}
        tuples = {name: each if each is None else tuple(each) for name, each in lists.items()}
        evidence = cls(**{**row, **tuples})
        for name, value in dataclasses.asdict(evidence).items():
            if value is None and name in _OPTIONAL:
                continue
            kinds: tuple[type, ...] = (int,) if name in ("step", "neighbours") else (int, float)
            if name == "class_diversity":
                kinds += (type(None),)
            numbers = value if name in lists else (value,)
            if any(type(number) not in kinds for number in numbers):
                raise ValueError(f"{name} is not a number")
        return evidence
