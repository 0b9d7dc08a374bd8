"""A folder of anybody's pictures becomes a set, whatever lies in it."""

import errno

import numpy as np
import pytest
import tensorflow_datasets as tfds
from fingerprint import tree
from picture_sets import Prepared, multiset, save
from PIL import Image

from tfgan import UserError
from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import preparing, writing
from tfgan.datasets.own.picture_sources import KnownSet


def test_a_folder_becomes_a_set_of_its_images(photos, tmp_path):
    before = tree(photos)
    found = Prepared(photos, tmp_path, size=9)
    expected = [np.asarray(Image.open(file)) for file in photos.iterdir()]
    assert multiset(found.images()) == multiset(expected)
    assert found.images("train[:5]").shape == (5, 9, 9, 3)
    assert "12 of 12 files taken" in found.said
    assert found.name.startswith("photos_9_")
    assert tree(photos) == before
    with pytest.raises(UserError, match="have no labels"):
        found.labelled()


def test_it_is_prepared_once_and_a_changed_folder_is_noticed(photos, tmp_path, monkeypatch):
    first = Prepared(photos, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(writing.Spool, "fill", lambda *_: pytest.fail("prepares it again"))
        again = Prepared(photos, tmp_path)
        assert again.name == first.name
        assert again.said == ""
    save(photos / "0.jpeg", 99)
    changed = Prepared(photos, tmp_path)
    assert changed.name != first.name
    assert f"have changed since {first.name} was prepared" in changed.said
    assert len(first.images()) == len(changed.images()) == 12


@pytest.mark.parametrize(
    "options",
    [{"size": 4}, {"fit": "pad"}, {"background": "red"}, {"channels": "1"}, {"holdout": 0}],
)
def test_other_options_are_another_set(options, photos, tmp_path):
    names = {Prepared(photos, tmp_path).name, Prepared(photos, tmp_path, **options).name}
    assert len(names) == 2


def test_a_name_of_ones_own(photos, tmp_path):
    assert Prepared(photos, tmp_path, name="cats").name == "cats"
    assert Prepared(photos, tmp_path, name="cats").said == ""
    with pytest.raises(UserError, match=r"--name=cats: .* other pictures or with other options"):
        Prepared(photos, tmp_path, size=4, name="cats")
    for name, problem in [
        ("Cats", "lower-case"),
        ("mnist", "has a set of that name"),
        ("stacked_mnist", "has a set of that name"),
        ("../x", "lower-case"),
    ]:
        with pytest.raises(UserError, match=f"^--name={name}: .*{problem}"):
            Prepared(photos, tmp_path, name=name)


@pytest.mark.parametrize(
    ("folder", "name"),
    [("Cats & Dogs!", "cats_dogs_8_"), ("고양이", "pictures_8_"), ("2024", "pictures_2024_8_")],
)
def test_any_folder_gives_a_name(folder, name, photos, tmp_path):
    assert Prepared(photos.rename(tmp_path / folder), tmp_path).name.startswith(name)


def test_sub_folders_are_classes(tmp_path):
    for number in range(12):
        save(tmp_path / "all" / "inner" / ["cats", "dogs"][number % 2] / "x" / f"{number}", number)
    found = Prepared(tmp_path / "all", tmp_path)
    images, labels = found.labelled()
    assert "Classes: 2 (cats, dogs)" in found.said
    assert sorted(labels) == [0] * 6 + [1] * 6
    for image, label in zip(images, labels, strict=True):
        expected = Prepared(tmp_path / "all" / "inner" / ["cats", "dogs"][label], tmp_path)
        assert image.tobytes() in multiset(expected.images())


def test_pictures_beside_sub_folders_have_no_classes(tmp_path):
    for number in range(6):
        save(tmp_path / "all" / "ab"[number % 2] / f"{number}", number)
    save(tmp_path / "all" / "c", 7)
    found = Prepared(tmp_path / "all", tmp_path)
    assert "Classes: none, because of pictures that are in no sub-folder: 1" in found.said
    assert len(found.images()) == 7


def test_a_class_with_one_picture_is_refused(tmp_path):
    for number in range(5):
        save(tmp_path / "all" / "a" / f"{number}", number)
    save(tmp_path / "all" / "b" / "9", 9)
    with pytest.raises(UserError, match=r"--images=.*: the class b has only one picture"):
        Prepared(tmp_path / "all", tmp_path)
    assert_nothing_left(tmp_path)


def test_names_that_differ_only_in_spaces_are_refused(tmp_path):
    for number in range(6):
        save(tmp_path / "all" / ("cat", "cat ")[number % 2] / f"{number}", number)
    with pytest.raises(UserError, match=r"--images=.*sub-folder 'cat' or 'cat ', since spaces"):
        Prepared(tmp_path / "all", tmp_path)
    assert_nothing_left(tmp_path)


def assert_nothing_left(tmp_path) -> None:
    assert {file.name for file in (tmp_path / "data").iterdir()} <= {".tfgan.lock"}


def test_held_out_by_content(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(preparing, "FEWEST_HELD_OUT", 2)
    for number in range(12):  # copies under other names
        (photos / f"copy_{number}").write_bytes((photos / f"{number}.jpeg").read_bytes())
    found = Prepared(photos, tmp_path, holdout=0.5)
    train, test = multiset(found.images()), multiset(found.images("test"))
    assert len(train) + len(test) == 24
    assert len(test) >= 4
    assert not set(train) & set(test)
    assert train[::2] == train[1::2]
    monkeypatch.setattr(preparing, "FEWEST_HELD_OUT", 20)
    few = Prepared(photos, tmp_path, holdout=0.4)
    assert "Held out for evaluation: none" in few.said
    with pytest.raises(UserError, match="--split=test"):
        few.images("test")


@pytest.mark.parametrize(("channels", "grey", "mixed"), [("auto", 1, 3), ("1", 1, 1), ("3", 3, 3)])
def test_channels(channels, grey, mixed, tmp_path):
    for number in range(4):
        save(tmp_path / "grey" / f"{number}", number, grey=True)
        save(tmp_path / "mixed" / f"{number}", number, grey=number > 0)
    of_grey = Prepared(tmp_path / "grey", tmp_path, channels=channels).images()
    assert of_grey.shape == (4, 8, 8, grey)
    assert (of_grey == of_grey[..., :1]).all()
    assert Prepared(tmp_path / "mixed", tmp_path, channels=channels).images().shape[-1] == mixed


def test_larger_than_all_pictures_is_told(photos, tmp_path):
    assert (
        "enlarges every picture: the largest has a shorter side of 9 pixels"
        in Prepared(photos, tmp_path, size=16).said
    )


def test_a_full_disk_leaves_nothing(photos, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for owner, name in (
        (writing.Spool, "fill"),
        (writing.Spool, "png"),
        (writing.Spool, "write_list"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, full)
            with pytest.raises(UserError, match="No space left on device"):
                Prepared(photos, tmp_path)
        assert not list((tmp_path / "data").glob("photos*/*"))
    half = tmp_path / "data" / Prepared(photos, tmp_path).name
    (half / "1.0.0.incompleteABC").mkdir()
    (half / "1.0.0" / writing.RECORD).rename(half / "1.0.0.incompleteABC" / writing.RECORD)
    with pytest.raises(UserError, match="is not a set of pictures"):
        Prepared(photos, tmp_path)


def test_what_a_killed_process_has_left_goes(photos, tmp_path):
    name = Prepared(photos, tmp_path).name
    other = tmp_path / "other"
    left = other / "data" / name / "1.0.0.incompleteABC"
    left.mkdir(parents=True)
    assert Prepared(photos, other).name == name
    assert not left.exists()


@pytest.fixture
def known(tmp_path):
    """A set of TensorFlow Datasets whose pictures have sizes of their own, and other keys.

    The class of one test image is not known.
    """

    class Mixed(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("2.0.0")
        pkg_dir_path = tmp_path

        def _info(self):
            features = {
                "img": tfds.features.Image(),
                "kind": tfds.features.ClassLabel(num_classes=3),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, dl_manager):
            return {"train": self._generate_examples(9), "test": self._generate_examples(3)}

        def _generate_examples(self, count):
            for number in range(count):
                shape = (5 + number, 7, 3)
                array = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
                yield number, {"img": array, "kind": -1 if count == number + 1 == 3 else number % 3}

    Mixed(data_dir=tmp_path / "data").download_and_prepare()
    return "mixed", tmp_path / "data"


def test_a_known_set_with_mixed_sizes(known, tmp_path):
    name, data_dir = known
    with pytest.raises(UserError, match=r"--dataset=mixed: .*--image_size=64"):
        pipeline.load_images(ImageSet(name, data_dir=str(data_dir)), lambda line: None)
    source = KnownSet(ImageSet(name, data_dir=str(data_dir)), lambda line: None)
    found = Prepared(source, tmp_path, fit="stretch")
    images, labels = found.labelled()
    assert images.shape == (9, 8, 8, 3)
    assert sorted(labels) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    images, labels = found.labelled("test")
    assert images.shape == (3, 8, 8, 3)
    assert sorted(labels) == [-1, 0, 1]
    assert found.name.startswith("mixed_8_")
    assert "Classes: 3 (0, 1, 2)" in found.said


def test_labels_by_another_name_are_told(known):
    name, data_dir = known
    builder = tfds.builder(name, data_dir=data_dir)
    with pytest.raises(UserError, match="mixed: its labels are called kind; --image_size prep"):
        pipeline.class_names(builder, ImageSet(name))


def test_a_set_through_a_folder_is_the_set(tiny_data_dir, tmp_path):
    images, labels = pipeline.load_labelled(
        ImageSet("mnist", data_dir=str(tiny_data_dir)), lambda line: None
    )
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        folder = tmp_path / "files" / str(label)
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[..., 0]).save(folder / f"{number}.png")
    found = Prepared(tmp_path / "files", tmp_path, size=28)
    again, classes = found.labelled()
    assert pairs(again, classes) == pairs(images, labels)


def pairs(images: np.ndarray, labels: np.ndarray) -> list[tuple[bytes, int]]:
    return sorted(zip((image.tobytes() for image in images), labels.tolist(), strict=True))
