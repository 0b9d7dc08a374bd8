import itertools

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from conftest import TRAIN_EXAMPLES, make_images

from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.ground.errors import UserError

IMAGES = np.arange(23, dtype=np.uint8).reshape(23, 1, 1, 1)


def ids(batch) -> list[int]:
    return [round(float(pixel + 1) * 127.5) for pixel in np.ravel(batch)]


def take(count: int, first_step: int = 0, batch_size: int = 5) -> list[list[int]]:
    batches = pipeline.batches(IMAGES, batch_size, 1, first_step).take(count)
    return [ids(batch) for batch in batches]


def test_scaling_is_the_tutorials():
    values = np.arange(256, dtype=np.uint8)
    ours = pipeline.to_unit(tf.constant(values)).numpy()
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, (values / 255 - 0.5) / 0.5, atol=1.2e-7)
    in_graph = tf.function(pipeline.to_unit)(tf.constant(values))
    np.testing.assert_array_equal(ours, in_graph)


def test_loaded_images_are_not_copied(tiny_data_dir):
    images = pipeline.load_images(ImageSet("mnist", data_dir=tiny_data_dir))
    tensor = pipeline.as_tensor(images)
    images[0] = 255 - images[0]
    np.testing.assert_array_equal(tensor, images)


@pytest.mark.parametrize("start", [0, 1, 16])
def test_images_from_anywhere_become_a_tensor(start):
    images = make_images(9)[start % 2 :].ravel()[start:].reshape(-1, 1)
    images.flags.writeable = start > 1
    np.testing.assert_array_equal(tf.gather(pipeline.as_tensor(images), range(5)), images[:5])
    turned = make_images(3).transpose(0, 2, 1, 3)
    np.testing.assert_array_equal(tf.gather(pipeline.as_tensor(turned), range(3)), turned)


def test_each_epoch_visits_each_image_at_most_once():
    batches = take(8)  # 23 images make 4 batches of 5, and 3 are left out
    for epoch in (batches[:4], batches[4:]):
        seen = list(itertools.chain(*epoch))
        assert len(set(seen)) == 20
    assert batches[:4] != batches[4:]


def test_starts_anywhere():
    batches = take(12)
    for first in (1, 3, 4, 5, 9):
        assert take(3, first) == batches[first : first + 3]


def test_shares_put_together_are_the_batches():
    whole = take(9, first_step=2, batch_size=6)
    shares = [pipeline.Share(3, 0, 1), pipeline.Share(3, 1, 2)]
    parts = [
        [ids(part) for part in pipeline.batches(IMAGES, 6, 1, 2, share).take(9 * share.count)]
        for share in shares
    ]
    for step, batch in enumerate(whole):
        (first,), (second, third) = parts[0][step : step + 1], parts[1][2 * step : 2 * step + 2]
        assert first + second + third == batch


def test_batch_at_is_what_the_step_gets():
    for step, batch in enumerate(take(9)):
        assert batch == np.ravel(pipeline.batch_at(IMAGES, 5, 1, step)).tolist()


def test_element_spec_has_a_fixed_batch():
    spec = pipeline.batches(make_images(10), 4, 0).element_spec
    assert spec == tf.TensorSpec((4, 28, 28, 1), tf.float32)


def test_loads_a_prepared_set_in_a_fixed_order(tiny_data_dir):
    lines = []
    images = pipeline.load_images(ImageSet("mnist", data_dir=str(tiny_data_dir)), say=lines.append)
    again = pipeline.load_images(ImageSet("mnist", data_dir=str(tiny_data_dir)), say=lines.append)
    assert images.shape == (TRAIN_EXAMPLES, 28, 28, 1)
    assert images.dtype == np.uint8
    np.testing.assert_array_equal(images, again)
    originals = {image.tobytes() for image in make_images(TRAIN_EXAMPLES)}
    assert {image.tobytes() for image in images} == originals
    assert len(lines) == 2
    assert "prepared in" in lines[0]


def test_unknown_split_is_named(tiny_data_dir):
    with pytest.raises(UserError, match="--split=dev: mnist has train, test"):
        pipeline.load_images(ImageSet("mnist", "dev", str(tiny_data_dir)), say=lambda line: None)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("mnist", "mnist"),
        ("MNIST", "mnist"),
        ("mnist:3.0.1", "mnist"),
        ("emnist/letters", "emnist"),
        ("emnist/letters:3.1.0", "emnist"),
        ("FashionMNIST", "fashion_mnist"),
        ("Cifar10", "cifar10"),
        ("stacked_mnist", "stacked_mnist"),
    ],
)
def test_family_is_what_tfds_calls_the_set(name, family):
    assert ImageSet(name).family == family
    assert tfds.core.naming.parse_builder_name_kwargs(name)[0].name == family
