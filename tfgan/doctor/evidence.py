"""What the doctor looks at: one record of numbers for each time that a run is looked at."""

import dataclasses
from typing import Any


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

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Evidence":
        """The inverse of `dataclasses.asdict`, also after JSON.

        Raises:
            ValueError, KeyError or TypeError: if the row is something else.
        """
        classes = row["classes"]
        evidence = cls(**{**row, "classes": None if classes is None else tuple(classes)})
        for name, value in dataclasses.asdict(evidence).items():
            whole = name in ("step", "neighbours")
            optional = value is None and name in ("feature_diversity", "classes")
            numbers = value if name == "classes" else (value,)
            kinds = (int,) if whole else (int, float)
            if not optional and any(type(number) not in kinds for number in numbers):
                raise ValueError(f"{name} is no number")
        return evidence
