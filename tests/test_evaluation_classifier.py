import functools
import hashlib

import numpy as np
import pytest
import tensorflow as tf
from conftest import make_images

from tfgan import UserError
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import classifier, kept, neighbours, splits


@pytest.fixture(scope="module")
def pinned():
    return classifier.load(ImageSet("mnist"))


def test_pinned_classifier_is_right_on_99_percent(pinned):
    assert pinned.sha256 == classifier.PINNED["mnist"]
    assert pinned.accuracy(*splits.load(ImageSet("mnist"), "test")) == pytest.approx(
        0.9922, abs=0.0003
    )


def test_features_are_what_the_softmax_sees(pinned):
    # Logits are features times kernel plus bias, by hand from the file that is shipped.
    images = make_images(3)
    features, probabilities = pinned(images)
    assert features.shape == (3, 128)
    assert features.dtype == probabilities.dtype == np.float64
    assert features.min() == 0  # ReLU
    *_, kernel, bias = pinned._model.get_weights()
    exponentials = np.exp(features @ kernel + bias)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, rtol=1e-4)
    np.testing.assert_array_equal(pinned.features(images), features)
    np.testing.assert_array_equal(pinned.probabilities(images), probabilities)


def test_an_image_has_its_features_in_whatever_company(pinned):
    images = make_images(1203, seed=1)
    together = pinned.features(images)
    one_by_one = np.concatenate([pinned.features(images[index : index + 1]) for index in range(9)])
    np.testing.assert_array_equal(together[:9], one_by_one)
    np.testing.assert_array_equal(pinned.features(images[500:700]), together[500:700])


def test_many_classifiers_make_tensorflow_warn_of_nothing(caplog):
    logger = tf.get_logger()
    logger.addHandler(caplog.handler)
    for _ in range(6):  # as in a notebook with as many evaluations
        classifier.load(ImageSet("mnist")).features(make_images(3))
    logger.removeHandler(caplog.handler)
    assert not [record for record in caplog.records if "retracing" in record.getMessage()]


def test_changed_weights_are_refused(monkeypatch):
    monkeypatch.setitem(classifier.PINNED, "mnist", hashlib.sha256(b"other").hexdigest())
    with pytest.raises(UserError, match=r"mnist.npz: is not the classifier that ships with tfgan"):
        classifier.load(ImageSet("mnist"))


def test_recipe_on_few_images():
    # 2,000 images and three epochs: enough to tell that the recipe learns.
    images, labels = splits.load(ImageSet("mnist"), "fit")
    content = classifier.train(images[:2000], labels[:2000], 10, epochs=3)
    test_images, test_labels = splits.load(ImageSet("mnist"), "validation")
    found = classifier.Classifier(content)
    assert found.accuracy(test_images[:2000], test_labels[:2000]) > 0.8
    assert found.classes == 10
    assert found.image_shape == (28, 28, 1)


def test_recipe_has_one_outcome():
    images, labels = make_images(300), np.arange(300) % 10
    content = classifier.train(images, labels, 10, epochs=1)
    assert classifier.train(images, labels, 10, epochs=1) == content
    assert classifier.train(images[::-1], labels[::-1], 10, epochs=1) != content


@pytest.mark.slow
def test_recipe_makes_the_pinned_classifier():
    found = classifier.Classifier(classifier.train(*splits.load(ImageSet("mnist"), "fit"), 10))
    pinned = classifier.load(ImageSet("mnist"))
    test = splits.load(ImageSet("mnist"), "test")
    # Rounding differs between machines, and the recipe's accuracy varies with it.
    assert found.accuracy(*test) == pytest.approx(pinned.accuracy(*test), abs=0.002)
    assert found.accuracy(*test) >= 0.99


def test_other_set_trains_one_and_keeps_it(tiny_data_dir):
    lines = []
    first = classifier.load(ImageSet("cifar10", data_dir=str(tiny_data_dir)), say=lines.append)
    assert "training one on 50 images" in lines[0]
    assert "saved in" in lines[1]
    assert (first.image_shape, first.classes) == ((32, 32, 3), 10)
    again = classifier.load(ImageSet("cifar10", data_dir=str(tiny_data_dir)), say=lines.append)
    assert len(lines) == 2
    assert again.sha256 == first.sha256
    (file,) = tiny_data_dir.rglob("classifier.npz")
    file.write_bytes(file.read_bytes()[:1000])
    damaged = classifier.load(ImageSet("cifar10", data_dir=str(tiny_data_dir)), say=lines.append)
    assert len(lines) == 4
    assert damaged.sha256 == first.sha256


def test_what_it_sees_in_real_images_is_computed_once(pinned, tiny_data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(splits, "cache", lambda builder: tmp_path)
    image_set, images = ImageSet("mnist", data_dir=str(tiny_data_dir)), make_images(30)
    seen = functools.partial(kept.seen, image_set, pinned, pinned.sha256)
    first = seen(images)
    for found, expected in zip(first, pinned(images), strict=False):
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(first.radii, neighbours.radii(first.features))

    def none(*_):
        raise AssertionError("is computed again")

    with monkeypatch.context() as patch:
        patch.setattr(classifier.Classifier, "__call__", none)
        again = seen(images)
        assert {array.dtype for array in again} == {np.dtype(np.float64)}
        assert all(map(np.array_equal, again, first))
        with pytest.raises(AssertionError, match="again"):
            seen(images[::-1])
    (file,) = tmp_path.iterdir()
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    for content in (damaged[:1000], damaged):
        file.write_bytes(content)
        assert all(map(np.array_equal, seen(images), first))


def test_splits_are_disjoint_and_in_tfds_order(tiny_data_dir):
    where = str(tiny_data_dir)
    parts = {
        part: splits.load(ImageSet("mnist", data_dir=where), part)
        for part in ("fit", "validation", "test")
    }
    assert [len(images) for images, _ in parts.values()] == [50, 10, 10]
    assert splits.name("fit", {"train": 60_000, "test": 10_000}) == "train[:50000]"
    assert splits.name("validation", {"train": 60_000, "test": 10_000}) == "train[50000:]"
    assert splits.name("test", {"train": 60_000, "test": 10_000}) == "test[:10000]"


def test_the_pinned_classifier_by_any_of_its_names():
    pinned = classifier.load(ImageSet("mnist"))
    for name in ("MNIST", "mnist:3.0.1", "stacked_mnist"):
        assert classifier.load(ImageSet(name)).sha256 == pinned.sha256
