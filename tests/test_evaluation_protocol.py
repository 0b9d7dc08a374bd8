"""Spoilt real images must score worse than whole ones, each where it is spoilt."""

import dataclasses

import numpy as np
import pytest
import scipy.ndimage

from tfgan import networks
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import metrics, neighbours, protocol, samples, splits
from tfgan.evaluation.protocol import RealImages, Reference
from tfgan.exports import saved_model
from tfgan.gan import GAN


def smaller(reference: Reference, count: int) -> Reference:
    features = reference.features[:count]
    return dataclasses.replace(
        reference,
        images=reference.images[:count],
        labels=reference.labels[:count],
        features=features,
        probabilities=reference.probabilities[:count],
        radii=neighbours.radii(features),
    )


def load() -> Reference:
    return Reference.load(ImageSet("mnist"), say=lambda line: None)


@pytest.fixture(scope="module")
def reference():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splits, "TEST_IMAGES", 2000)
        return load()


def controls(images: np.ndarray, labels: np.ndarray, count: int) -> dict[str, np.ndarray]:
    """Whole images and spoilt ones, `count` of each."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, size=(count // 10, 28, 28, 1), dtype=np.uint8)
    whole = images[:count]
    return {
        "whole": whole,
        "blurred": scipy.ndimage.gaussian_filter(whole, (0, 1.5, 1.5, 0)),
        "no ones": images[labels != 1][:count],
        "noise": np.concatenate([whole[count // 10 :], noise]),
        "repeated": np.repeat(whole[: count // 10], 10, axis=0),
    }


def check_ranks(count: int, reference: Reference) -> None:
    images, labels = splits.load(ImageSet("mnist"), "fit")
    scores = {
        name: protocol.score(part, reference.classifier(part), reference)
        for name, part in controls(images, labels, count).items()
    }
    whole = scores.pop("whole")
    for name, found in scores.items():
        assert found["fcd"] > 2 * whole["fcd"], name
        assert found["kid"] > whole["kid"] + 2 * whole["kid_error"], name
    assert whole["precision"] > 0.85
    assert whole["recall"] > 0.85
    assert whole["classes"] == 10
    assert whole["c2st"] < 0.6
    assert scores["blurred"]["c2st"] > 0.8
    assert scores["blurred"]["coverage"] < 0.5 * whole["coverage"]
    assert scores["blurred"]["recall"] < 0.5 * whole["recall"]
    assert scores["no ones"]["class_kl"] > 0.1 > 10 * whole["class_kl"]
    assert scores["no ones"]["classes"] == 9
    assert scores["no ones"]["recall"] < whole["recall"] - 0.05
    # Noise lies within the balls of odd digits in these features, and it is all of one class.
    assert scores["noise"]["classifier_score"] < whole["classifier_score"] - 0.5
    assert scores["noise"]["class_kl"] > 10 * whole["class_kl"]
    assert scores["repeated"]["recall"] < whole["recall"] / 2
    assert scores["repeated"]["coverage"] < 0.7 * whole["coverage"]
    assert scores["repeated"]["precision"] > whole["precision"] - 0.1


def test_negative_controls_rank_correctly(reference, monkeypatch):
    monkeypatch.setattr(metrics, "SUBSETS", 10)
    check_ranks(2000, reference)


@pytest.mark.slow
def test_negative_controls_rank_correctly_at_full_size():
    check_ranks(10_000, load())


def test_copies_are_near_and_new_images_are_not(reference):
    fit, _ = splits.load(ImageSet("mnist"), "fit")
    validation, _ = splits.load(ImageSet("mnist"), "validation")
    fit, held_out = fit[:3000], validation[:300]
    _, distances = neighbours.nearest(held_out, fit)
    real = RealImages(fit, validation, np.median(distances), np.percentile(distances, 1))
    assert protocol.copying(held_out, real) == {"nn_ratio_median": 1, "nn_ratio_p01": 1}
    assert protocol.copying(fit[:300], real) == {"nn_ratio_median": 0, "nn_ratio_p01": 0}
    # One copy in ten shows in the first percentile alone.
    mixed = protocol.copying(np.concatenate([held_out[:270], fit[:30]]), real)
    assert mixed["nn_ratio_p01"] == 0
    assert mixed["nn_ratio_median"] > 0.9


def test_rows_are_means_and_deviations_over_sets(reference, monkeypatch):
    monkeypatch.setattr(protocol, "SET_SIZE", 300)
    small = smaller(reference, 300)
    images = splits.load(ImageSet("mnist"), "validation")[0][:900]
    row = protocol.row(images, small.classifier(images), small)
    parts = [images[start : start + 300] for start in (0, 300, 600)]
    scores = [protocol.score(part, small.classifier(part), small) for part in parts]
    for name in ("fcd", "recall", "class_kl"):
        values = [each[name] for each in scores]
        assert row[name] == pytest.approx({"mean": np.mean(values), "std": np.std(values, ddof=1)})
    alone = protocol.row(parts[0], small.classifier(parts[0]), small)
    assert alone["fcd"] == {"mean": scores[0]["fcd"], "std": None}


def test_training_and_export_draw_the_same_samples(tmp_path):
    generator = networks.mlp_generator(5, 16, (4, 6, 1))
    gan = GAN(generator, networks.mlp_discriminator(8, (4, 6, 1)), 5)
    saved_model.save_generator(tmp_path / "generator", generator)
    first = samples.FromModel(str(tmp_path / "generator")).draw(2000)
    assert first.shape == (2000, 4, 6, 1)
    assert first.dtype == np.uint8
    in_training = samples.from_gan(gan, 2000)
    assert np.abs(first.astype(int) - in_training).max() <= 1  # rounding
    assert np.mean(first != in_training) < 1e-3
    np.testing.assert_array_equal(
        samples.FromModel(str(tmp_path / "generator")).draw(1000), first[:1000]
    )
    assert len(np.unique(first[:, 0, 0, 0])) > 10
    assert not np.array_equal(first[:1000], first[1000:])
