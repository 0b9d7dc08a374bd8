import numpy as np
import pytest
from conftest import TRAIN_EXAMPLES, make_images

from tfgan.datasets import derived, pipeline, training_set
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import classifier, judges, modes, splits


def test_each_digit_is_once_in_each_channel():
    images = make_images(50)
    labels = np.arange(50) % 10
    stacked, triples = derived.stack(images, labels)
    assert stacked.shape == (50, 28, 28, 3)
    assert stacked.dtype == np.uint8
    by_bytes = sorted(image.tobytes() for image in images)
    for channel in range(3):
        assert sorted(image[..., channel].tobytes() for image in stacked) == by_bytes
    orders = [
        derived.stack(np.arange(50).reshape(50, 1, 1, 1), labels)[0][:, 0, 0, c] for c in range(3)
    ]
    for index in range(50):
        a, b, c = (labels[order[index]] for order in orders)
        assert triples[index] == 100 * a + 10 * b + c
    assert not np.array_equal(orders[0], orders[1])
    assert np.array_equal(derived.stack(images, labels)[0], stacked)


def test_pipeline_makes_the_set(tiny_data_dir):
    lines = []
    data = training_set.open_set(
        ImageSet("stacked_mnist", data_dir=str(tiny_data_dir)), say=lines.append
    )
    assert data.shape == (TRAIN_EXAMPLES, 28, 28, 3)
    assert "made in memory from mnist" in lines[0]
    images = pipeline.load_images(
        ImageSet("stacked_mnist", data_dir=str(tiny_data_dir)), say=lines.append
    )
    assert data.batch_at(4, 1, 0).shape == (4, 28, 28, 3)
    base = {image.tobytes() for image in make_images(TRAIN_EXAMPLES)}
    assert {image[..., 2].tobytes() for image in images} <= base


def test_modes_by_hand():
    shares = np.full(1000, 1e-3)
    assert modes.score(np.arange(1000), shares) == pytest.approx({"modes": 1000, "mode_kl": 0})
    # All of one mode: log 1000. Half of them evenly: log 2.
    assert modes.score(np.full(9, 7), shares) == pytest.approx(
        {"modes": 1, "mode_kl": np.log(1000)}
    )
    assert modes.score(np.arange(500), shares)["mode_kl"] == pytest.approx(np.log(2))


def test_modes_are_read_channel_by_channel():
    images, labels = splits.load(ImageSet("mnist"), "test")
    stacked, triples = derived.stack(images[:900], labels[:900])
    found = modes.modes(stacked, classifier.load(ImageSet("mnist")))
    # 99.22 % of the digits are right, so 97.7 % of the triples.
    assert np.mean(found == triples) == pytest.approx(0.977, abs=0.015)


def test_judge_of_stacked_mnist(monkeypatch):
    # 4,000 of the 10,000 test images, whose shares of the digits are the same but for 0.004 nats.
    load = splits.load

    def some(image_set, part):
        images, labels = load(image_set, part)
        return (images[:4000], labels[:4000]) if part == "test" else (images, labels)

    monkeypatch.setattr(splits, "load", some)
    judge = judges.judge(ImageSet("stacked_mnist"), say=lambda line: None)
    assert judge.count == 26_000
    assert judge.image_shape == (28, 28, 3)
    ideal, floor = (judge.reference_rows[name] for name in ("ideal", "floor"))
    # Published for perfect samplers: all modes, 0.0194.
    assert ideal["modes"]["mean"] == pytest.approx(1000, abs=0.01)
    assert ideal["mode_kl"]["mean"] == pytest.approx(0.0194, abs=3e-4)
    assert floor["modes"]["mean"] == 1000
    assert floor["mode_kl"]["mean"] == pytest.approx(ideal["mode_kl"]["mean"], abs=0.01)
