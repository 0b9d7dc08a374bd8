"""Variables that make no sense to a library: each is one line, before the work."""

import concurrent.futures
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import forked
import keras
import pytest

from tfgan import TrainConfig, UserError, training
from tfgan.ground import files, surroundings


@pytest.mark.parametrize("name", surroundings._NUMBERS)
def test_number_that_is_none(name, monkeypatch):
    for value in ("abc", ""):
        monkeypatch.setenv(name, value)
        with pytest.raises(UserError, match=f"^{name}={value}: is not a number"):
            surroundings.check()
    monkeypatch.setenv(name, "2")
    surroundings.check()


@pytest.mark.parametrize(
    "module",
    [
        "keras.src.backend.config",
        "tensorflow.python.autograph.impl.api",
        "tensorflow_datasets.core.constants",
        "joblib._multiprocessing_helpers",
        "joblib.externals.loky.backend.context",
        "joblib.externals.loky.process_executor",
        "sklearn._config",
    ],
)
def test_every_number_that_the_libraries_read_is_known(module):
    source = pathlib.Path(importlib.util.find_spec(module).origin).read_text()
    call = r"""(?:int|float)\(\s*os\.(?:getenv\(|environ\.get\(|environ\[)\s*['"](\w+)['"]"""
    found = re.findall(call, source)
    assert found
    assert set(found) <= set(surroundings._NUMBERS)


@pytest.mark.parametrize(
    ("name", "value"), [("TQDM_NCOLS", "abc"), ("TQDM_MININTERVAL", "x"), ("MPLBACKEND", "abc")]
)
def test_setting_that_an_import_does_not_survive(name, value):
    done = subprocess.run(
        [sys.executable, "-c", "from tfgan.ground import surroundings; surroundings.check()"],
        cwd=forked.ROOT,
        env=os.environ | {name: value},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert f"UserError: {name}={value}: " in done.stderr.splitlines()[-1]


def no_temporary_folder():
    raise FileNotFoundError(2, "No usable temporary directory found in ['/no', '/tmp']")


def test_no_folder_for_temporary_files(monkeypatch):
    monkeypatch.setenv("TMPDIR", "/no")
    monkeypatch.setattr(tempfile, "gettempdir", no_temporary_folder)
    with pytest.raises(UserError, match=r"^TMPDIR=/no: No usable temporary directory"):
        surroundings.check()


def rehearsed(variables: dict[str, str]) -> str:
    """What a rehearsal says, in a process that has imported TensorFlow and run nothing."""
    os.environ.update(variables)
    try:
        surroundings.rehearse()
    except UserError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("XLA_FLAGS", "abc", 'Could not open file "abc"'),
        ("XLA_FLAGS", "--nonsense=1", "Unknown flag in XLA_FLAGS: --nonsense=1"),
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=maybe", "Couldn't interpret value maybe for"),
        ("TF_XLA_FLAGS", "--nonsense=1", "Unknown flag in TF_XLA_FLAGS"),
        ("TF_DETERMINISTIC_OPS", "abc", "TF_DETERMINISTIC_OPS"),
        ("XLA_FLAGS", "--xla_cpu_enable_fast_math=false", None),
        ("TF_ENABLE_ONEDNN_OPTS", "abc", None),  # which TensorFlow passes over
    ],
)
def test_variable_that_ends_the_process(name, value, words):
    variables = {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_VAR_OF_TERRAFORM": "secret", "XLA_FLAGS": ""}
    with concurrent.futures.ProcessPoolExecutor(1, forked._context) as pool:
        told = pool.submit(rehearsed, variables | {name: value}).result()
    if words is None:
        assert told == ""
    else:
        assert told.startswith(f"{name}={value}: ")
        assert words in told
        assert "\n" not in told


def test_what_tfgan_sets_itself_is_not_rehearsed(monkeypatch):
    for name in [name for name in os.environ if name.startswith(("TF_", "XLA_"))]:
        monkeypatch.delenv(name)
    for name, value in surroundings.DEFAULTS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("TF_CONFIG", "{}")
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    monkeypatch.setattr(os, "fork", None)
    surroundings.rehearse()


@pytest.mark.parametrize("error", ["ValueError('Invalid `floatx`')", "OSError(13, 'no')"])
def test_keras_json_that_keras_cannot_take(error, monkeypatch, tmp_path):
    (tmp_path / "keras.py").write_text(f"raise {error}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "keras")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises((ValueError, OSError)) as broken:
        surroundings.check_keras()
    assert not isinstance(broken.value, UserError)  # it is not that file's fault
    (tmp_path / "keras.json").touch()
    with pytest.raises(UserError, match=r"keras\.json: .*(floatx|no)"):
        surroundings.check_keras()


@pytest.mark.parametrize("name", ["max_epochs", "max_steps_per_epoch"])
def test_keras_that_would_end_each_training_early(name, monkeypatch, tmp_path):
    monkeypatch.setattr(keras.config, name, lambda: 1)
    # A run would have asked for the rest of its steps for ever, or called half an epoch a whole.
    with pytest.raises(UserError, match=f"^KERAS_{name.upper()}=1: .* unset it"):
        training.train_and_export(TrainConfig(workdir=str(tmp_path / "run")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["t[x]*", "a\\b", "\udcff"])
def test_temporary_folder_that_a_reader_would_not_find(name, monkeypatch, tmp_path):
    (tmp_path / name).mkdir()
    (tmp_path / "lr[0.1]").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
    with files.without_patterns(tmp_path / "lr[0.1]") as plain:
        assert not set("*?[]\\\udcff") & set(str(plain))
        assert plain.samefile(tmp_path / "lr[0.1]")
    monkeypatch.setattr(os, "access", lambda *_: False)
    with (
        pytest.raises(UserError, match=r"^TMPDIR=.*: set it to a folder"),
        files.temporary_folder(),
    ):
        pass


def test_name_that_tensorflow_cannot_spell(monkeypatch):
    for flag in ("--workdir", "TFDS_DATA_DIR"):
        with pytest.raises(UserError, match=f"^{flag}=.*: its name is not valid UTF-8"):
            files.user_path(os.fsdecode(b"a/\xff"), flag)
    assert files.user_path("é", "--workdir") == pathlib.Path("é")
    monkeypatch.setattr(os, "fsencode", lambda name: name.encode("latin-1"))  # as in old locales
    with pytest.raises(UserError, match="not valid UTF-8"):
        files.user_path("é", "--workdir")


def test_what_the_import_reads_is_rehearsed_before_it():
    code = """
import sys
from tfgan.ground import cli, surroundings

def rehearse(*prefixes):
    assert "TF_XLA_FLAGS".startswith(prefixes) and "tensorflow" not in sys.modules
    sys.exit(7)

surroundings.rehearse = rehearse
cli.load_tensorflow()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=forked.ROOT, capture_output=True)
    assert done.returncode == 7, done.stderr
