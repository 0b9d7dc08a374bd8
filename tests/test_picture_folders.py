"""Odd files in a folder, and archives."""

import os
import pathlib
import tarfile
import zipfile

import pytest
from picture_sets import Prepared, multiset, save

from tfgan import UserError
from tfgan.datasets.own import folders, writing


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
        "1 not a picture (notes.txt)",
        "1 damaged (torn.png)",
        "1 broken link (gone.png)",
        "1 not a regular file (pipe.png)",
    ):
        assert words in found.said
    listed = (found.folder / writing.LIST).read_text()
    assert "notes.txt,,,,,not a picture" in listed
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
    with pytest.raises(UserError, match=r"text.zip: is not a folder or a zip or tar archive"):
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
