import hashlib
import shutil

import numpy as np
import pytest
from test_gan import assert_equal, dataset, make_gan, state

from tfgan import UserError, networks
from tfgan.run.checkpointing import Checkpoints


def means(gan):
    return [variable.numpy() for metric in gan.metrics for variable in metric.variables]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Checkpoints of a GAN after 6 and 12 steps, and its state at both."""
    folder = tmp_path_factory.mktemp("checkpoints")
    gan = make_gan()
    checkpoints = Checkpoints(folder, gan)
    states = []
    for _ in range(2):
        gan.fit(dataset(), verbose=0)
        checkpoints.save()
        states.append((state(gan), means(gan)))
    return folder, states


@pytest.fixture
def run(trained, tmp_path):
    """The same, to be damaged."""
    folder, states = trained
    return shutil.copytree(folder, tmp_path / "checkpoints"), states


def restore(folder):
    gan = make_gan(seed=9)
    lines = []
    found = Checkpoints(folder, gan).restore_newest(lines.append)
    return gan, found, lines


def test_restores_everything_bit_for_bit(run):
    folder, states = run
    gan, found, lines = restore(folder)
    assert found.name == "000000012"
    assert lines == []
    assert_equal(state(gan), states[1][0])
    assert_equal(means(gan), states[1][1])


def test_goes_on_as_if_never_stopped(run):
    folder, _ = run
    unbroken = make_gan()
    for _ in range(3):
        unbroken.fit(dataset(), verbose=0)
    resumed, _, _ = restore(folder)
    resumed.seed = unbroken.seed
    resumed.fit(dataset(), verbose=0)
    assert_equal(state(unbroken), state(resumed))


def test_nothing_to_restore(tmp_path):
    gan, found, _ = restore(tmp_path)
    assert found is None
    assert int(gan.step.numpy()) == 0


def truncate(folder):
    file = folder / "state.data-00000-of-00001"
    file.write_bytes(file.read_bytes()[:-1])


def flip_a_bit(folder):
    file = folder / "state.data-00000-of-00001"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def lose_the_index(folder):
    (folder / "state.index").unlink()


def lose_the_sums(folder):
    (folder / "SHA256SUMS").unlink()


def empty_the_sums(folder):
    (folder / "SHA256SUMS").write_text("")


def garble_the_sums(folder):
    (folder / "SHA256SUMS").write_bytes(b"\xff\xfe garbage\n")


DAMAGES = [truncate, flip_a_bit, lose_the_index, lose_the_sums, empty_the_sums, garble_the_sums]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoint_is_named_and_the_one_before_used(run, damage):
    folder, states = run
    damage(folder / "000000012")
    gan, found, lines = restore(folder)
    assert found.name == "000000006"
    assert_equal(state(gan), states[0][0])
    (line,) = lines
    assert "000000012 is damaged" in line
    assert "\n" not in line


def test_damaged_checkpoint_does_not_count_as_one_of_the_newest(run):
    folder, _ = run
    flip_a_bit(folder / "000000012")
    gan = make_gan(seed=9)
    checkpoints = Checkpoints(folder, gan, keep=1)
    checkpoints.restore_newest(lambda line: None)
    checkpoints.put_damaged_aside()
    gan.step.assign(7)
    checkpoints.save()
    assert {path.name for path in folder.iterdir()} == {"000000007", "000000012.damaged"}
    assert checkpoints.newest().name == "000000007"


def test_checkpoint_of_another_model_is_named(run):
    folder, states = run
    other = make_gan()
    other.generator = networks.mlp_generator(3, 9, (4, 4, 1))
    other.discriminator = networks.mlp_discriminator(9, (4, 4, 1))
    other.compile("sgd", "sgd")
    other.step.assign(18)
    Checkpoints(folder, other).save()
    gan, found, (line,) = restore(folder)
    assert found.name == "000000012"
    assert "000000018 is damaged (it is of another model)" in line
    assert_equal(state(gan), states[1][0])


def test_no_whole_checkpoint_is_an_error(run):
    folder, _ = run
    for checkpoint in folder.iterdir():
        flip_a_bit(checkpoint)
    with pytest.raises(UserError, match="all checkpoints are damaged"):
        restore(folder)


def test_damaged_checkpoint_is_replaced_when_its_step_comes_again(run):
    folder, states = run
    flip_a_bit(folder / "000000012")
    gan, _, _ = restore(folder)
    gan.seed = 1
    gan.fit(dataset(), verbose=0)
    Checkpoints(folder, gan).save()
    again, found, lines = restore(folder)
    assert (found.name, lines) == ("000000012", [])
    assert_equal(state(again), states[1][0])


def test_keeps_the_newest_three_and_their_sums_are_standard(tmp_path):
    gan = make_gan()
    checkpoints = Checkpoints(tmp_path, gan)
    for step in (6, 12, 18, 24, 30):
        gan.step.assign(step)
        checkpoints.save()
    assert sorted(folder.name for folder in tmp_path.iterdir()) == [
        "000000018",
        "000000024",
        "000000030",
    ]
    newest = tmp_path / "000000030"
    for line in (newest / "SHA256SUMS").read_text().splitlines():
        checksum, name = line.split("  ")
        assert hashlib.sha256((newest / name).read_bytes()).hexdigest() == checksum


def test_means_survive_keras_reset(run):
    folder, states = run
    gan, _, _ = restore(folder)
    put_back = Checkpoints(folder, gan).means_keeper()
    gan.reset_metrics()
    assert not np.array_equal(means(gan), states[1][1])
    put_back()
    assert_equal(means(gan), states[1][1])
