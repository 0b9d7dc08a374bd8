"""What `tfgan.sample` writes: every kind of file and folder, from every kind of generator."""

import io
import json
import weakref

import numpy as np
import pytest
from conftest import assert_one_line_error, run, told_generator
from PIL import Image

from tfgan import UserError, networks
from tfgan.evaluation.given import Given, shuffled
from tfgan.exports import loading, outputs, sample_folder, sampling, saved_model
from tfgan.exports.loading import Loaded
from tfgan.exports.outputs import Frames
from tfgan.ground import pictures, video

NAMES = ("boot", "a/b", "..", "Boot")
DATA = {"name": "x", "split": "train", "classes": {"names": NAMES, "counts": (4, 3, 2, 1)}}
SEED = 3


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    plain = networks.mlp_generator(5, 16, (4, 6, 1), seed=1)
    saved_model.save_generator(folder / "plain", plain)
    saved_model.save_generator(folder / "uniform", plain, distribution="uniform")
    told = told_generator("mlp", 5, 16, (4, 6, 3), 4)
    saved_model.save_generator(folder / "told", told, data=DATA)
    return folder


@pytest.fixture
def draw(models, tmp_path):
    """Writes a file or a folder; returns where."""

    def write(name, kind, n, label="", seed=SEED, **options):
        output = str(tmp_path / kind)
        quiet = {"say": lambda line: None} | options
        sampling.sample(str(models / name), n, seed, output, label, **quiet)
        return tmp_path / kind

    return write


def pictures_in(folder):
    files = sorted(folder.rglob("*.png"))
    return {str(file.relative_to(folder)): pictures.load_png(file) for file in files}


@pytest.mark.parametrize(
    ("name", "label"), [("plain", ""), ("uniform", ""), ("told", "3"), ("told", "")]
)
def test_the_kth_sample_is_the_same_however_many_are_drawn(name, label, models, draw):
    images = np.load(draw(name, "a.npy", 150, label))
    loaded = loading.load(str(models / name))
    whole = sampling.draw(loaded, 150, SEED, int(label or -1))  # by its own signature, at once
    assert np.abs(images.astype(int) - whole).max() <= 1
    np.testing.assert_array_equal(np.load(draw(name, "b.npy", 64, label)), images[:64])
    np.testing.assert_array_equal(sampling.draw(loaded, 64, SEED, int(label or -1)), images[:64])
    np.testing.assert_array_equal(np.load(draw(name, "c.npz", 7, label))["arr_0"], images[:7])
    assert list(pictures_in(draw(name, "f", 3, label))) == [
        "000000.png",
        "000001.png",
        "000002.png",
    ]


@pytest.mark.parametrize(
    ("name", "label", "folders"),
    [
        ("plain", "", [""]),
        ("told", "", [""]),
        ("told", "2", [""]),
        ("told", "0,1", ["boot/", "a%2Fb/"]),
        ("told", "all", ["0-boot/", "1-a%2Fb/", "2-%2E%2E/", "3-Boot/"]),
    ],
)
def test_every_kind_has_the_same_samples(name, label, folders, draw):
    images = np.load(draw(name, "a.npy", 9, label))
    assert images.shape == (9 * len(folders), 4, 6, 3 if name == "told" else 1)
    archive = draw(name, "a.npz", 9, label)
    first = archive.read_bytes()
    np.testing.assert_array_equal(np.load(archive)["arr_0"], images)
    assert draw(name, "a.npz", 9, label).read_bytes() == first
    grid = pictures.grid(images, columns=9 if len(folders) > 1 else 8)
    np.testing.assert_array_equal(pictures.load_png(draw(name, "a.png", 9, label)), grid)
    with Image.open(draw(name, "a.webp", 9, label)) as animation:
        for index, image in enumerate(images):
            animation.seek(index)
            shown = np.asarray(animation.convert("RGB"))
            np.testing.assert_array_equal(shown, np.broadcast_to(image, (4, 6, 3)))
        assert animation.info["loop"] == 0
    with Image.open(draw(name, "a.gif", 9, label)) as animation:
        assert animation.size == (6, 4)
        assert animation.n_frames == len(images)
    folder = draw(name, "folder", 9, label)
    found = [
        pictures.load_png(folder / f"{each}{number:06d}.png")
        for each in folders
        for number in range(9)
    ]
    np.testing.assert_array_equal(found, images)
    assert len(pictures_in(folder)) == len(images)
    source = Given(str(folder), lambda line: None)
    source.check(len(images), images.shape[1:])
    array = Given(str(archive), lambda line: None)
    array.check(len(images), images.shape[1:])
    np.testing.assert_array_equal(source.draw(len(images)), array.draw(len(images)))


@pytest.mark.parametrize("name", ["plain", "told"])
@pytest.mark.parametrize("walk", [False, True])
def test_films(name, walk, models, tmp_path):
    av = pytest.importorskip("av")
    output, model = str(tmp_path / "a.mp4"), str(models / name)
    if walk:
        sampling.interpolate(model, 3, SEED, output)
        sampling.interpolate(model, 3, SEED, str(tmp_path / "a.webp"))
    else:
        sampling.sample(model, 70, SEED, output)
        sampling.sample(model, 70, SEED, str(tmp_path / "a.webp"))
    with av.open(output) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == (12 if walk else 4)
    assert len(frames) == (3 * 8 if walk else 70)
    assert frames[0].shape == (64 * 4, 64 * 6, 3)
    with Image.open(tmp_path / "a.webp") as animation:
        for index in (0, len(frames) - 1):
            animation.seek(index)
            shown = np.asarray(animation.convert("RGB")).astype(float)
            middles = frames[index][32::64, 32::64]
            assert np.abs(middles - shown).mean() < 12  # a film loses some


def test_odd_sides_are_filled_up():
    av = pytest.importorskip("av")
    film = io.BytesIO()
    video.write_mp4(film, iter([np.full((257, 301, 1), 77, np.uint8)] * 3), 4)
    film.seek(0)
    with av.open(film) as opened:
        (frame, *_) = opened.decode(video=0)
    assert (frame.height, frame.width) == (258, 302)
    assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - 77).max() <= 3


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".mp4"])
def test_long_draws_are_never_held(suffix, tmp_path):
    if suffix == ".mp4":
        pytest.importorskip("av")
    drawn = []

    def batches():
        for _ in range(9):
            # The first tells the shape; of the others only the newest is there.
            assert all(each() is None for each in drawn[1:-1])
            batch = np.zeros((2, 4, 6, 1), np.uint8)
            drawn.append(weakref.ref(batch))
            yield batch
            del batch

    outputs.FILES[suffix].write(tmp_path / f"a{suffix}", Frames(18, batches(), 8, 4))
    assert len(drawn) == 9
    assert [file.name for file in tmp_path.iterdir()] == [f"a{suffix}"]


@pytest.fixture
def calls(monkeypatch):
    """How many latents `generate` was given, call by call."""
    found, generate = [], Loaded.generate

    def counted(self, z, *labels):
        found.append(len(z))
        return generate(self, z, *labels)

    monkeypatch.setattr(Loaded, "generate", counted)
    return found


def test_latents_come_in_batches_of_one_size(draw, calls):
    draw("plain", "a.npy", 200)
    draw("told", "folder", 70, "0,1")
    assert set(calls) == {64}
    assert len(calls) == (1 + 4) + (1 + 2 * 2)  # one each to see that `sample` draws the same


def test_an_interrupted_folder_goes_on(draw, calls, monkeypatch, tmp_path):
    whole = np.load(draw("told", "a.npy", 100, "0,3"))
    save = pictures.save_png

    def interrupted(path, *rest, **options):
        if path.name == "000070.png":
            raise KeyboardInterrupt
        save(path, *rest, **options)

    monkeypatch.setattr(pictures, "save_png", interrupted)
    with pytest.raises(KeyboardInterrupt):
        draw("told", "f", 100, "0,3")
    folder = tmp_path / "f"
    before = {file: file.stat().st_mtime_ns for file in folder.rglob("*.png")}
    assert len(before) == 70
    with pytest.raises(UserError, match=r"^--samples=.*: 130 of its 200 pictures are missing"):
        Given(str(folder)).check(10, (4, 6, 3))
    monkeypatch.setattr(pictures, "save_png", save)
    (folder / "boot" if (folder / "boot").exists() else folder / "0-boot").joinpath(
        "000069.png"
    ).write_bytes(b"")  # as a machine that lost its power leaves it
    calls.clear()
    draw("told", "f", 100, "0,3")
    assert len(calls) == 1 + 3  # the first batch was whole
    source = Given(str(folder), lambda line: None)
    source.check(200, (4, 6, 3))
    np.testing.assert_array_equal(source.draw(200), whole[shuffled(200)])
    changed = [file for file, time in before.items() if file.stat().st_mtime_ns != time]
    assert [file.name for file in changed] == ["000069.png"]
    calls.clear()
    draw("told", "f", 100, "0,3")
    assert len(calls) == 1  # nothing is missing


def test_more_samples_of_the_same_draw_are_added(draw):
    few = pictures_in(draw("plain", "f", 10))
    more = pictures_in(draw("plain", "f", 70))
    assert len(more) == 70
    for name, image in few.items():
        np.testing.assert_array_equal(more[name], image)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"seed": 4}, "seed 3, not 4"),
        ({"n": 9}, "n 10, not 9"),
        ({"truncation": 0.5}, "truncation None, not 0.5"),
        ({"name": "uniform"}, "model_sha256 "),
        ({"name": "told", "label": "1"}, r"labels \[-1\], not \[1\]"),
    ],
)
def test_another_draw_is_refused_or_replaced(draw, options, problem):
    given = {"name": "plain", "n": 10} | options
    folder = draw("plain", "f", 10)
    (folder / "note.txt").write_text("precious")
    before = pictures_in(folder)
    with pytest.raises(
        UserError,
        match=f"holds pictures drawn with other settings: .*{problem}.*; choose another folder",
    ):
        draw(kind="f", **given)
    after = pictures_in(folder)
    assert list(after) == list(before)
    draw(kind="f", overwrite=True, **given)
    assert len(pictures_in(folder)) == given["n"]
    assert (folder / "note.txt").read_text() == "precious"
    draw(kind="f", **given)


def test_overwriting_removes_the_sub_folders_of_before(draw):
    folder = draw("told", "f", 2, "0,1")
    (folder / "boot" / "mine.png").write_text("precious")
    draw("told", "f", 3, "2", overwrite=True)
    assert sorted(str(file.relative_to(folder)) for file in folder.rglob("*.png")) == [
        "000000.png",
        "000001.png",
        "000002.png",
        "boot/mine.png",
    ]
    assert not (folder / "a%2Fb").exists()


def test_a_picture_of_another_draw_is_found(draw, tmp_path):
    folder = draw("plain", "f", 10)
    Image.new("L", (6, 4)).save(folder / "000003.png")
    (folder / "000005.png").unlink()
    with pytest.raises(
        UserError, match=r"^--output=.*000003\.png is not the picture that this command draws"
    ):
        draw("plain", "f", 10)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"n": 1, "folders": ["../x"]}',
        '{"n": 1, "folders": [".."]}',
        '{"n": 0, "folders": [""]}',
    ],
)
def test_a_damaged_record_is_named(content, tmp_path):
    (tmp_path / sample_folder.RECORD).write_text(content)
    with pytest.raises(UserError, match=r"its \.tfgan-sample\.json is damaged"):
        sample_folder.check(str(tmp_path))


def test_a_class_twice_makes_no_folder(draw, tmp_path):
    with pytest.raises(UserError, match=r"^--label=1,1: names a class twice"):
        draw("told", "f", 10, "1,1")
    assert not (tmp_path / "f").exists()


def test_names_of_folders():
    def names(*classes):
        return sample_folder.names_of(classes, range(len(classes)))

    assert names("sneaker", "Ärmel (lang)", "7") == ["sneaker", "Ärmel (lang)", "7"]
    assert names("a/b", ".", "..", ".x", "x.", "x ", "100%") == [
        "a%2Fb",
        "%2E",
        "%2E%2E",
        "%2Ex",
        "x%2E",
        "x%20",
        "100%25",
    ]
    assert names("a\nb", 'q?"*', "\ud800") == ["a%0Ab", "q%3F%22%2A", "%ED%A0%80"]
    assert names("Boot", "boot") == ["0-Boot", "1-boot"]
    assert names("\u00e4", "a\u0308") == ["0-\u00e4", "1-a\u0308"]
    assert names("", "x") == ["0-", "1-x"]
    assert names("\U0001f600" * 99, "x") == ["0-" + "\U0001f600" * 40, "1-x"]


def test_a_model_with_a_sampler_of_its_own_is_refused(models, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in (models / "uniform").iterdir():
        if file.name != "latents.txt":  # which says what the latents are
            (copy / file.name).symlink_to(file)
    with pytest.raises(
        UserError, match=r"its signatures sample and generate give different images"
    ):
        sampling.sample(str(copy), 5, 1, str(tmp_path / "a.npy"))


def test_the_command_fills_a_folder_and_goes_on(models, tmp_path):
    output = f"{tmp_path}/new/"
    given = ["sample", f"--model={models / 'plain'}", "--n=3", f"--output={output}"]
    done = run(*given)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"Wrote {output}\n", "")
    record = json.loads((tmp_path / "new" / sample_folder.RECORD).read_text())
    assert (record["n"], record["seed"], record["truncation"]) == (3, 1, None)
    again = run(*given)
    assert again.stdout == f"{output}: 3 of 3 pictures already exist\nWrote {output}\n"
    assert_one_line_error(
        run(*given, "--seed=2"), "holds pictures drawn with other settings: seed 1, not 2"
    )
    assert run(*given, "--seed=2", "--overwrite").returncode == 0
