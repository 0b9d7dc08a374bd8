"""A folder of anybody's pictures becomes a set, whatever lies in it."""

import errno
import os
import pathlib
import tarfile
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import SMALL, assert_one_line_error, run
from fingerprint import tree
from PIL import Image

from tfgan import UserError
from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.own import folders, preparing, writing
from tfgan.datasets.own.picture import Preparation
from tfgan.datasets.own.picture_sources import Folder, KnownSet


def save(path: pathlib.Path, seed: int, size=(9, 9), grey: bool = False) -> None:
    """Writes a small picture of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0]) if grey else (size[1], size[0], 3)
    array = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    Image.fromarray(array).save(path, "PNG")


@pytest.fixture
def photos(tmp_path):
    """A folder of 12 pictures."""
    for number in range(12):
        save(tmp_path / "photos" / f"{number}.jpeg", number)  # PNG, whatever the suffix says
    return tmp_path / "photos"


class Prepared:
    """A set made of pictures in a data folder of the test's own, and what was said."""

    def __init__(self, source, tmp_path, size: int = 8, **options):
        self.lines: list[str] = []
        how = {key: options.pop(key) for key in ("fit", "background", "channels") if key in options}
        self.data_dir = tmp_path / "data"
        folder = source if isinstance(source, KnownSet) else Folder(source)
        self.name = preparing.prepare(
            folder, Preparation(size, **how), str(self.data_dir), say=self.lines.append, **options
        )
        self.said = "\n".join(self.lines)

    def images(self, split: str = "train") -> np.ndarray:
        return pipeline.load_images(self._set(split), lambda line: None)

    def labelled(self, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
        return pipeline.load_labelled(self._set(split), lambda line: None)

    def _set(self, split: str) -> ImageSet:
        return ImageSet(self.name, split, str(self.data_dir))

    @property
    def folder(self) -> pathlib.Path:
        return self.data_dir / self.name / writing.VERSION


def multiset(images: np.ndarray) -> list[bytes]:
    return sorted(image.tobytes() for image in images)


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
    assert f"differ from those of {first.name}" in changed.said
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


def test_odd_files_are_left_and_told(photos, tmp_path):
    (photos / "leer.png").touch()
    (photos / "notes.txt").write_text("Dear diary")
    (photos / "torn.png").write_bytes((photos / "0.jpeg").read_bytes()[:-100])
    (photos / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    save(photos / ".hidden" / "a.png", 50)
    (photos / "gone.png").symlink_to(tmp_path / "nowhere")
    os.mkfifo(photos / "pipe.png")
    save(tmp_path / "elsewhere" / "linked.png", 51)
    (photos / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "round").symlink_to(photos)
    save(photos / "사진.png", 52)
    os.rename(os.fsencode(photos / "1.jpeg"), os.fsencode(photos) + b"/caf\xe9\n.jpeg")
    found = Prepared(photos, tmp_path)
    assert len(found.images()) == 14
    assert "14 of 19 files taken" in found.said
    for words in (
        "1 empty (leer.png)",
        "1 no picture (notes.txt)",
        "1 damaged (torn.png)",
        "1 link to nothing (gone.png)",
        "1 no file (pipe.png)",
    ):
        assert words in found.said
    listed = (found.folder / writing.LIST).read_text()
    assert "notes.txt,,,,,no picture" in listed
    assert "사진.png,train,,9,9," in listed
    assert r"caf\xe9\n.jpeg,train,,9,9," in listed
    assert len(listed.splitlines()) == 1 + 19


def pack(folder: pathlib.Path, path: pathlib.Path) -> pathlib.Path:
    """The folder as an archive, by the path's suffix."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for file in sorted(folder.rglob("*"), reverse=True):
                archive.write(file, file.relative_to(folder.parent))
            archive.writestr("__MACOSX/photos/._0.jpeg", b"\0\5\x16\7")
    else:
        with tarfile.open(path, "w:gz" if path.suffix == ".tgz" else "w") as archive:
            archive.add(folder, "./" + folder.name)
    return path


@pytest.mark.parametrize("suffix", [".zip", ".tar", ".tgz"])
def test_an_archive_is_a_folder(suffix, photos, tmp_path):
    for number in range(12):
        (photos / str(number % 2)).mkdir(exist_ok=True)
        (photos / f"{number}.jpeg").rename(photos / str(number % 2) / f"{number}.jpeg")
    of_folder = Prepared(photos, tmp_path)
    of_archive = Prepared(pack(photos, tmp_path / f"photos{suffix}"), tmp_path)
    assert of_archive.name.startswith("photos_8_")
    images, labels = of_archive.labelled()
    assert multiset(images) == multiset(of_folder.images())
    assert sorted(labels) == sorted(of_folder.labelled()[1]) == [0] * 6 + [1] * 6


def test_archives_that_are_odd(photos, tmp_path):
    climbing = tmp_path / "climbing.zip"
    with zipfile.ZipFile(climbing, "w") as archive:
        archive.writestr("../../x.png", b"")
    with pytest.raises(UserError, match=r"climbing.zip: holds the path '../../x.png'"):
        Prepared(climbing, tmp_path)
    climbing = tmp_path / "climbing.tar"
    with tarfile.open(climbing, "w") as archive:
        archive.addfile(tarfile.TarInfo("/etc/x.png"))
    with pytest.raises(UserError, match=r"climbing.tar: holds the path '/etc/x.png'"):
        Prepared(climbing, tmp_path)
    torn = pack(photos, tmp_path / "torn.tgz")
    torn.write_bytes(torn.read_bytes()[:-500])
    with pytest.raises(UserError, match=r"torn.tgz: the archive cannot be read"):
        Prepared(torn, tmp_path)
    spoilt = pack(photos, tmp_path / "spoilt.zip")
    content = bytearray(spoilt.read_bytes())
    place = content.index(b"IDAT")
    content[place : place + 100] = b"\0" * 100  # of one picture
    spoilt.write_bytes(content)
    assert "1 damaged in the archive" in Prepared(spoilt, tmp_path).said
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    with pytest.raises(UserError, match=r"text.zip: is no folder, and no zip or tar archive"):
        Prepared(text, tmp_path)
    assert not list((tmp_path / "data").glob("*limbing*"))


def test_declared_sizes_are_believed_before_reading(tmp_path, monkeypatch):
    monkeypatch.setattr(folders, "MOST_BYTES", 1000)
    save(tmp_path / "photos" / "small.png", 1)
    save(tmp_path / "photos" / "large.png", 2, (99, 99))
    for path in (
        tmp_path / "photos",
        pack(tmp_path / "photos", tmp_path / "p.zip"),
        pack(tmp_path / "photos", tmp_path / "p.tar"),
    ):
        with folders.opened(path) as files:
            ends = {pathlib.Path(file.name).name: content(file) for file in files}
        assert len(ends["small.png"]) < 1000
        assert "MiB" in ends["large.png"]


def content(file: folders.File) -> bytes | str:
    try:
        return file.read()
    except folders.NotTaken as why:
        return str(why)


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
    assert "Classes: none, since 1 pictures lie beside the sub-folders" in found.said
    assert len(found.images()) == 7


def test_a_class_with_one_picture_is_refused(tmp_path):
    for number in range(5):
        save(tmp_path / "all" / "a" / f"{number}", number)
    save(tmp_path / "all" / "b" / "9", 9)
    with pytest.raises(UserError, match=r"--images=.*: the class b has one picture only"):
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
        "shorter sides have at most 9 pixels; they are enlarged"
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
    with pytest.raises(UserError, match="is no set of pictures"):
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
    """A set of TensorFlow Datasets whose pictures have sizes of their own, and another key."""

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
                yield number, {"img": array, "kind": number % 3}

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
    assert found.images("test").shape == (3, 8, 8, 3)
    assert found.name.startswith("mixed_8_")


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


def test_one_command_trains_on_a_folder_and_goes_on(photos, tmp_path):
    flags = [f"--images={photos}", "--image_size=16", f"--data_dir={tmp_path}/data"]
    flags += ["--network=resnet", "--r1=1", "--augment=color,translation,cutout"]
    flags += [*SMALL, "--batch_size=6", f"--workdir={tmp_path}/run"]
    done = run("train", *flags, "--epochs=1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nor anything of TensorFlow's
    assert "Pictures: 12 of 12 files taken" in done.stdout
    assert (tmp_path / "run" / "generator" / "saved_model.pb").exists()
    assert "Resuming after step 2 of 4" in run("train", *flags, "--epochs=2").stdout
    save(photos / "0.jpeg", 99)
    changed = run("train", *flags, "--epochs=3")
    assert changed.returncode == 2
    assert "--dataset is 'photos_16_" in changed.stderr
    assert "but the run has 'photos_16_" in changed.stderr


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--images={}/nowhere"], ["--images=", "no such folder or archive"]),
        (["--images={}/empty"], ["--images=", "no file in it"]),
        (["--images={}/texts"], ["--images=", "no picture in it", "a.txt"]),
        (["--images={}/photos", "--image_size=0"], ["--image_size=0", "at least 1"]),
        (
            ["--images={}/photos", "--image_size=30", "--network=conv"],
            ["--network=conv", "30 x 30"],
        ),
        (["--images={}/photos", "--dataset=mnist"], ["--images", "--dataset"]),
        (["--images={}/photos", "--holdout=1"], ["--holdout=1.0", "[0, 1)"]),
        (["--images={}/photos", "--batch_size=100"], ["--batch_size=100", "12 images"]),
        (["--fit=pad"], ["--fit", "does nothing without --images"]),
        (["--dataset=stacked_mnist", "--image_size=8"], ["--dataset=stacked_mnist", "one size"]),
    ],
)
def test_bad_input_is_one_line(flags, words, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    given = [flag.format(tmp_path) for flag in flags]
    done = run("train", *given, f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/run")
    assert_one_line_error(done, *words)
    assert not (tmp_path / "run").exists()


def test_only_the_data_command(photos, tmp_path):
    flags = [f"--images={photos}", "--image_size=8", "--name=cats", f"--data_dir={tmp_path}/data"]
    done = run("data", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Images: (8, 8, 3), 12 train"
    assert_one_line_error(run("data", "--name=cats"), "--name", "does nothing without --images")
    trained = ImageSet("cats", data_dir=f"{tmp_path}/data")
    assert len(pipeline.load_images(trained, lambda line: None)) == 12
