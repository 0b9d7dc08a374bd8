"""Samples and models that `tfgan.evaluate` cannot score are named before the work."""

import numpy as np
import pytest
from test_evaluate import mnist  # noqa: F401, a fixture
from test_sampling import STRANGE, save_strange

from tfgan import UserError, networks
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import harness, judges
from tfgan.exports import saved_model


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (np.zeros((5, 28, 28, 1), np.uint8), "has 5 images; the protocol needs 10,000"),
        (np.zeros((5, 28, 28, 1), np.int64), r"is int64 \(5, 28, 28, 1\), but uint8 or floats"),
        (np.array([{}], dtype=object), "is not a .npy or .npz file of numbers"),
        (b"", "is not a .npy or .npz file of numbers"),
        (b"PK\x03\x04 half a .npz", "is not a .npy or .npz file of numbers"),
        (np.zeros((10_000, 1), np.uint8), r"is uint8 \(10000, 1\), but uint8 or floats"),
        (None, "No such file or directory"),
    ],
)
def test_wrong_samples_are_named_before_the_work(
    content, problem, tmp_path, tiny_data_dir, monkeypatch
):
    monkeypatch.setattr(judges, "judge", lambda *_: pytest.fail("has begun to work"))
    path = tmp_path / "samples.npy"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content, allow_pickle=True)
    subject = harness.images(
        str(path), str(tmp_path), ImageSet("mnist", data_dir=str(tiny_data_dir))
    )
    with pytest.raises(UserError, match=f"^--samples=.*{problem}"):
        harness.evaluate([subject], quick=True, say=lambda line: None)


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ((4, 6, 1), r"has images \(4, 6, 1\), but those of mnist are \(28, 28, 1\)"),
        ((28, 28, 3), r"has images \(28, 28, 3\), but those of mnist"),
    ],
)
def test_another_shape_is_named_before_the_work(shape, problem, mnist, tmp_path):  # noqa: F811
    saved_model.save_generator(tmp_path / "model", networks.mlp_generator(5, 16, shape))
    np.save(tmp_path / "samples.npy", np.zeros((10_000, *shape), np.uint8))
    for subject in (
        harness.model(str(tmp_path / "model"), str(tmp_path), mnist),
        harness.images(str(tmp_path / "samples.npy"), str(tmp_path), mnist),
    ):
        with pytest.raises(UserError, match=problem):
            harness.evaluate([subject], quick=True, say=lambda line: None)


@pytest.mark.parametrize(("key", "shape", "value", "problem"), STRANGE)
def test_strange_models_are_named_before_the_work(key, shape, value, problem, mnist, tmp_path):  # noqa: F811
    path = str(tmp_path / "m")
    save_strange(path, key, shape, value)
    subject = harness.model(path, str(tmp_path), mnist)
    with pytest.raises(UserError, match=f"^--model={path}: .*{problem}"):
        harness.evaluate([subject], quick=True)
