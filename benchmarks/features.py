"""Which features tell spoilt pictures from whole ones: what `tfgan-eval-pictures-v1` was chosen by.

python -m benchmarks.features --dataset=emoji --data_dir=FOLDER

Each candidate is made without labels from one part of a set. Real images that it has not seen are
spoilt as generators spoil them. The table has the Frechet distance of each spoilt set to the
held-out images, in times that of the whole ones: at 1 the candidate is blind. The last row is the
standard error of the whole ones' distance, in the same unit. "SWD" is the distance of patches.
Where the set has no classes, ten k-means clusters of pixels stand for them.
"""

from collections.abc import Callable

import keras
import numpy as np
import scipy.ndimage
import tensorflow as tf
from absl import flags
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import features, metrics, patches, picture_parts
from tfgan.ground import cli
from tfgan.run import config

_SEED = 0
_GONE = "without class"

Features = Callable[[np.ndarray], np.ndarray]


def pca(images: np.ndarray) -> Features:
    """As many principal components of the pixels as the network has features."""
    fitted = PCA(features.FEATURES, random_state=_SEED).fit(_flat(images))
    return lambda x: fitted.transform(_flat(x))


def untrained(images: np.ndarray) -> Features:
    """The network with its first weights."""
    return features.Features(features.train(images, steps=0))


def autoencoder(images: np.ndarray) -> Features:
    """The network as the first half of one."""
    layers, shape = keras.layers, images.shape[1:]
    encoder = features.network(shape)
    sides = [-(-side // 4) for side in shape[:2]]
    decoder = keras.Sequential(
        [
            keras.Input((features.FEATURES,)),
            layers.Dense(sides[0] * sides[1] * 64, activation="relu"),
            layers.Reshape((*sides, 64)),
            layers.Conv2DTranspose(32, 4, 2, "same", activation="relu"),
            layers.Conv2DTranspose(shape[2], 4, 2, "same"),
        ]
    )

    def loss(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        made = decoder(encoder(x))[:, : shape[0], : shape[1]]
        return tf.reduce_mean((made - x) ** 2)

    return _trained(encoder, decoder, loss, images)


def rotations(images: np.ndarray) -> Features:
    """The network, asked by how many quarters an image is turned (Gidaris et al. 2018)."""
    model = features.network(images.shape[1:])
    head = keras.Sequential([keras.Input((features.FEATURES,)), keras.layers.Dense(4)])

    def loss(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        seed = tf.stack([_SEED, index])
        turns = tf.random.stateless_uniform((tf.shape(x)[0],), seed, 0, 4, tf.int32)
        turned = tf.stack([tf.image.rot90(x, number) for number in range(4)], 1)
        logits = head(model(tf.gather(turned, turns, axis=1, batch_dims=1)))
        return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(turns, logits))

    return _trained(model, head, loss, images)


def barlow_twins(images: np.ndarray) -> Features:
    """The network, for features that agree on two forms and not among themselves."""
    model, layers = features.network(images.shape[1:]), keras.layers
    head = keras.Sequential(
        [
            keras.Input((features.FEATURES,)),
            layers.Dense(256, activation="relu"),
            layers.Dense(256),
        ]
    )

    def loss(x: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
        forms = [head(model(features.altered(x, index, form))) for form in (1, 2)]
        one, other = ((z - tf.reduce_mean(z, 0)) / (tf.math.reduce_std(z, 0) + 1e-4) for z in forms)
        both = tf.matmul(one, other, transpose_a=True) / features.BATCH_SIZE
        agreeing = tf.linalg.diag_part(both)
        off = tf.reduce_sum(both**2) - tf.reduce_sum(agreeing**2)
        return tf.reduce_sum((1 - agreeing) ** 2) + 0.02 * off

    return _trained(model, head, loss, images)


def simclr(images: np.ndarray) -> Features:
    """What the protocol has."""
    return features.Features(features.train(images, flags.FLAGS.steps))


CANDIDATES: dict[str, Callable[[np.ndarray], Features]] = {
    "PCA": pca,
    "untrained": untrained,
    "autoencoder": autoencoder,
    "rotations": rotations,
    "Barlow Twins": barlow_twins,
    "SimCLR": simclr,
}


def _trained(
    model: keras.Model, head: keras.Model, loss: Callable[..., tf.Tensor], images: np.ndarray
) -> Features:
    features.descend(loss, [model, head], images, flags.FLAGS.steps)
    return features.Features(features.packed(model))


def _flat(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1) / 255


def _pixels(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def spoilt(
    images: np.ndarray, classes: np.ndarray, spare: np.ndarray, spare_classes: np.ndarray
) -> dict[str, np.ndarray]:
    """Sets of as many images, each spoilt in its way, from a little to a lot.

    Args:
        images: real ones, uint8 `(count, height, width, channels)`.
        classes: of them, in [0, 10).
        spare: other real images, which take the place of those of removed classes.
        spare_classes: of them.
    """
    x, count, side = images.astype(np.float32), len(images), images.shape[1]
    rng = np.random.default_rng(_SEED)

    def blurred(sigma: float) -> np.ndarray:
        return _pixels(scipy.ndimage.gaussian_filter(x, (0, sigma, sigma, 0)))

    def noisy(deviation: float) -> np.ndarray:
        return _pixels(x + rng.normal(0, deviation, x.shape))

    def cropped(share: float) -> np.ndarray:
        edge = round(side * (1 - share) / 2)
        middle = x[:, edge : side - edge, edge : side - edge]
        return _pixels(tf.image.resize(middle, images.shape[1:3]).numpy())

    def by_components(number: int) -> np.ndarray:
        fitted = PCA(number, random_state=_SEED).fit(_flat(spare))
        flat = fitted.inverse_transform(fitted.transform(_flat(images)))
        return _pixels(255 * flat.reshape(images.shape))

    def quarters(share: float) -> np.ndarray:
        found, some = images.copy(), round(share * count)
        half = side // 2
        found[:some] = np.roll(found[:some], half, 2)
        found[: some // 2] = np.roll(found[: some // 2], half, 1)
        return found

    def without(gone: np.ndarray) -> np.ndarray:
        kept, others = ~np.isin(classes, gone), ~np.isin(spare_classes, gone)
        return np.concatenate([images[kept], spare[others]])[:count]

    def repeated(times: int) -> np.ndarray:
        return np.repeat(images[: -(-count // times)], times, axis=0)[:count]

    def collapsed(share: float) -> np.ndarray:
        found = images.copy()
        found[: round(share * count)] = images[-1]
        return found

    return {
        "whole": images,
        **{f"blurred by {sigma} pixels": blurred(sigma) for sigma in (0.5, 1, 2)},
        **{f"noise of {deviation} in 255": noisy(deviation) for deviation in (8, 25, 75)},
        **{f"moved by 1/{part} of the width": np.roll(images, side // part, 2) for part in (8, 4)},
        **{f"cropped to {share:.0%}": cropped(share) for share in (0.85, 0.7)},
        **{f"{number} principal components": by_components(number) for number in (128, 32)},
        **{f"halves swapped in {share:.0%}": quarters(share) for share in (0.25, 1)},
        **{f"{_GONE} {each}": without(np.array([each])) for each in range(10)},
        "five of ten classes gone": without(np.arange(0, 10, 2)),
        **{f"1/{times} of them {times} times": repeated(times) for times in (2, 10)},
        **{f"one image in {share:.0%}": collapsed(share) for share in (0.1, 0.5)},
        "two laid over one another": _pixels((x + x[::-1]) / 2),
        "darker by a fifth": _pixels(0.8 * x),
        **({"red and blue swapped": images[..., ::-1]} if images.shape[-1] == 3 else {}),
    }


def table(image_set: ImageSet, names: list[str]) -> str:
    """The table, in Markdown."""
    parts = picture_parts.parts(image_set)
    count = min(parts.size, flags.FLAGS.most)

    def load(split: str, most: int) -> np.ndarray:
        return picture_parts.load(image_set, split)[:most]

    fit, whole = load(parts.fit, 6 * count), load(parts.floor, count)
    held_out = load(parts.held_out, count)
    if picture_parts.has_classes(image_set):
        classes, fit_classes = (
            pipeline.load_labelled(image_set.with_split(split))[1][: len(images)]
            for split, images in ((parts.floor, whole), (parts.fit, fit))
        )
    else:
        clusters = KMeans(10, n_init=1, random_state=_SEED).fit(_flat(fit))
        classes, fit_classes = (clusters.predict(_flat(images)) for images in (whole, fit))
    sets = spoilt(whole, classes, fit, fit_classes)
    reference = patches.Reference(held_out)
    swd = {name: float(np.mean(reference.distances(images))) for name, images in sets.items()}
    columns = {}
    for name in names:
        see = CANDIDATES[name](fit)
        real = see(held_out)
        columns[name] = {
            key: metrics.frechet_distance(real, see(images)) for key, images in sets.items()
        }
        columns[name]["standard error"] = metrics.frechet_error(real, see(whole))
        print(f"{name}: {columns[name]['whole']:.4g} of whole images", flush=True)
    columns["SWD"] = swd
    for column in columns.values():
        gone = [column.pop(key) for key in sets if key.startswith(_GONE)]
        column["one class gone, mean of ten"] = float(np.mean(gone))
        column["one class gone, least seen of ten"] = min(gone)
    order = [key for key in columns[names[0]] if key != "standard error"]
    lines = [["", *columns], ["---"] * (len(columns) + 1)]
    for key in (*order, "standard error"):
        cells = [
            f"{column[key] / column['whole']:.2f}" if key in column else ""
            for column in columns.values()
        ]
        lines.append([key, *cells])
    text = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{len(fit):,} images to train on, {count:,} of each kind\n\n{text}"


def define_flags() -> None:
    """Defines the flags of the command."""
    config.define_flags("dataset", "data_dir")
    flags.DEFINE_multi_enum(
        "candidate", list(CANDIDATES), list(CANDIDATES), "To look at; may be given several times."
    )
    flags.DEFINE_integer("steps", features.STEPS, "Steps that each is trained for.", lower_bound=1)
    flags.DEFINE_integer(
        "most",
        1000,
        "Held-out images, at most; six times as many to train on.",
        lower_bound=picture_parts.FEWEST,
    )


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    image_set = ImageSet(values["dataset"], data_dir=values["data_dir"])
    return lambda: print(table(image_set, values["candidate"]))


if __name__ == "__main__":
    define_flags()
    cli.run(_prepare)
