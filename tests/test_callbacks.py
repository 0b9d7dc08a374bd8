import csv
import functools
import json
import re
import signal

import numpy as np
import pytest
import tensorflow as tf
from conftest import make_images, small_config
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from tfgan import TrainConfig, noise, training
from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.datasets.training_set import InMemory
from tfgan.ground import pictures, signals
from tfgan.noise import Stream
from tfgan.run import board, callbacks, stopping
from tfgan.run.run import Run
from tfgan.run.workdir import Workdir


@pytest.fixture(scope="module")
def trained(tiny_data_dir, tmp_path_factory):
    """A run of three epochs of four steps, with all that it leaves."""
    workdir = tmp_path_factory.mktemp("runs") / "run"
    config = small_config(tiny_data_dir, workdir, epochs=3, histograms_every=2)
    gan = training.train_and_export(config)
    return config, gan, Workdir(config.workdir)


def test_pictures(trained):
    config, gan, workdir = trained
    names = {file.name for file in workdir.samples.iterdir()}
    fakes = {f"fake_{epoch}.png" for epoch in range(3)}
    fixed = {f"fixed_{epoch}.png" for epoch in range(3)}
    assert names == {"real.png", "training.gif"} | fakes | fixed
    # The last real batch of the first epoch is that of step 3, from 0.
    data = pipeline.load_images(ImageSet("mnist", data_dir=config.data_dir), say=lambda line: None)
    real = pipeline.batch_at(data, 15, 777, 3)
    np.testing.assert_array_equal(
        pictures.load_png(workdir.samples / "real.png"), pictures.grid(real)
    )
    # The generator at the end of the epoch, on the latents of its last step, number 11.
    z = noise.latents(777, Stream.GENERATOR_LATENTS, 11, 15, 64)
    fake = pictures.to_uint8(gan.generator(z).numpy())
    np.testing.assert_array_equal(
        pictures.load_png(workdir.samples / "fake_2.png"), pictures.grid(fake)
    )


def test_metrics_csv(trained):
    _, gan, workdir = trained
    with open(workdir.metrics, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["epoch", "step", "D_loss", "G_loss", "D(x)", "D(G(z))"]
    assert [row["epoch"] for row in rows] == ["0", "1", "2"]
    assert [row["step"] for row in rows] == ["4", "8", "12"]
    np.testing.assert_allclose(
        [float(rows[-1][name]) for name in gan.metrics_names], gan.step_logs.mean(axis=0), atol=1e-5
    )


def test_tensorboard(trained):
    _, gan, workdir = trained
    events = EventAccumulator(str(workdir.tensorboard), {"tensors": 0, "images": 0})
    events.Reload()
    tags = set(events.Tags()["tensors"])
    names = gan.metrics_names
    for kind in ("step", "epoch"):
        assert {f"{kind}/{name}" for name in ("D_loss", "G_loss", "D_x", "D_G_z")} <= tags
    assert {"learning_rate/D", "learning_rate/G"} <= tags
    assert [event.step for event in events.Tensors("epoch/D_loss")] == [4, 8, 12]
    assert [event.step for event in events.Tensors("step/D_loss")] == [4, 8, 12]
    assert [event.step for event in events.Tensors("pictures/fixed_latents")] == [4, 8, 12]
    histograms = {tag for tag in tags if tag.startswith(("generator/", "discriminator/"))}
    assert len(histograms) == 2 * 12
    assert [event.step for event in events.Tensors(min(histograms))] == [4, 12]
    (rate,) = {float(tf.make_ndarray(e.tensor_proto)) for e in events.Tensors("learning_rate/D")}
    assert rate == pytest.approx(0.0002)
    value = tf.make_ndarray(events.Tensors("step/G_loss")[-1].tensor_proto)
    assert value == pytest.approx(gan.step_logs[-1][names.index("G_loss")])
    file = workdir.samples / "fixed_2.png"
    sides = [str(side).encode() for side in pictures.load_png(file).shape[1::-1]]
    picture = tf.make_ndarray(events.Tensors("pictures/fixed_latents")[-1].tensor_proto)
    assert picture.tolist() == [*sides, file.read_bytes()]
    assert events.SummaryMetadata("pictures/fixed_latents").plugin_data.plugin_name == "images"
    real = tf.make_ndarray(events.Tensors("pictures/real")[0].tensor_proto)
    assert real[2] == (workdir.samples / "real.png").read_bytes()
    flags = tf.make_ndarray(events.Tensors("flags")[0].tensor_proto)
    assert b"| batch_size | 15 |" in flags.tobytes() or b"batch_size | 15" in flags.item()
    operations = {node.op for node in events.Graph().node}
    assert "MatMul" in operations
    plugin = events.SummaryMetadata("_hparams_/session_start_info").plugin_data
    assert plugin.plugin_name == "hparams"
    assert events.SummaryMetadata("epoch/D_x").summary_description
    assert events.SummaryMetadata("step/D_x").summary_description
    assert not [tag for tag in tags if " " in tag]  # names, not sentences


def test_tensorboard_begins_with_the_losses(trained):
    _, _, workdir = trained
    events = EventAccumulator(str(workdir.tensorboard), {"tensors": 0})
    events.Reload()
    (layout,) = events.Tensors("custom_scalars__config__")
    (category,) = layout_pb2.Layout.FromString(layout.tensor_proto.string_val[0]).category
    curves = [tag for tag in events.Tags()["tensors"] if tag.startswith(("epoch/", "step/"))]
    drawn = [
        [tag for pattern in chart.multiline.tag for tag in curves if re.fullmatch(pattern, tag)]
        for chart in category.chart
    ]
    assert drawn == [
        [f"{kind}/{name}" for name in names]
        for kind in ("epoch", "step")
        for names in (("D_loss", "G_loss"), ("D_x", "D_G_z"))
    ]
    assert not [tag for tag in events.Tags()["tensors"] if "(" in tag]  # no chart would draw it


def test_hparams_have_the_runs_name_and_its_metrics(trained):
    _, _, workdir = trained
    events = EventAccumulator(str(workdir.tensorboard), {"tensors": 0})
    events.Reload()

    def content(name):
        return HParamsPluginData.FromString(
            events.SummaryMetadata(f"_hparams_/{name}").plugin_data.content
        )

    assert content("session_start_info").session_start_info.group_name == "run"
    metrics = content("experiment").experiment.metric_infos
    found = {metric.display_name: metric.name.tag for metric in metrics}
    assert found["D_loss"] == "epoch/D_loss"
    assert found["FCD"] == "evaluation/fcd"


def test_steps_have_the_time_at_which_they_were_done(tmp_path, monkeypatch):
    class Model:
        metrics_names = ("D_loss",)
        step_logs = np.array([[0.5]])

    clock = iter([100.0, 160.0])
    monkeypatch.setattr(board.time, "time", lambda: next(clock))
    run = Run(TrainConfig(), Workdir(str(tmp_path)), InMemory(make_images(40)), None)
    callback = board.TensorBoard(run)
    callback.set_model(Model())
    callback._writer = tf.summary.create_file_writer(str(tmp_path))
    for step in (25, 50):
        callback.model.step = tf.Variable(step)
        callback.on_train_batch_end(0)
    callback.close()
    events = EventAccumulator(str(tmp_path), {"tensors": 0})
    events.Reload()
    found = [(event.step, event.wall_time) for event in events.Tensors("step/D_loss")]
    assert found == [(25, 100), (50, 160)]


def test_config_json(trained):
    config, _, workdir = trained
    content = json.loads(workdir.config.read_text())
    assert content["config"] == config.to_dict()
    environment = content["environment"]
    assert environment["tensorflow"] == tf.__version__
    assert environment["intra_op_threads"] >= 1
    assert environment["replicas"] == 1


def test_events_after_the_checkpoint_are_removed(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default() as writer:
        tf.summary.text("flags", "x", step=0)
        for step in (2, 4, 6, 8):
            tf.summary.scalar("step/D_loss", step, step=step)
        for step in (4, 8):
            tf.summary.scalar("epoch/D_loss", step, step=step)
        writer.flush()
    (file,) = tmp_path.iterdir()
    with open(file, "ab") as torn:
        torn.write(b"half a record")
    board.remove_events_after(tmp_path, step=6)
    events = EventAccumulator(str(tmp_path), {"tensors": 0})
    events.Reload()
    assert [event.step for event in events.Tensors("step/D_loss")] == [2, 4, 6]
    assert [event.step for event in events.Tensors("epoch/D_loss")] == [4]
    assert events.Tags()["tensors"].count("flags") == 1


def test_rows_after_the_checkpoint_are_replaced(tmp_path):
    class Model:
        step = np.array(8)
        metrics_names = ("D_loss",)

    class Step:
        def numpy(self):
            return 8

    Model.step = Step()
    run = Run(TrainConfig(batch_size=10), Workdir(str(tmp_path)), InMemory(make_images(40)), None)
    path = run.workdir.metrics
    path.write_text("epoch,step,D_loss\n0,4,1.000000\n1,8,9.000000\n2,12,9.000000\n")
    callback = callbacks.MetricsCSV(run)
    callback.set_model(Model)
    callback.on_epoch_end(1, {"D_loss": 0.5})
    assert path.read_text() == "epoch,step,D_loss\n0,4,1.000000\n1,8,0.500000\n"


def test_gif_has_at_most_so_many_pictures(tmp_path):
    from PIL import Image

    workdir = Workdir(str(tmp_path))
    workdir.samples.mkdir()
    for epoch, image in enumerate(make_images(12)):
        pictures.save_png(workdir.samples / f"fixed_{epoch}.png", image)
    callbacks.save_training_gif(workdir, most=5)
    with Image.open(workdir.samples / "training.gif") as gif:
        assert gif.n_frames == 5


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_stops_and_the_second_acts_as_ever(signum, request):
    # As in a terminal, even where the tests run under nohup.
    request.addfinalizer(functools.partial(signal.signal, signum, signal.getsignal(signum)))
    signal.signal(signum, signal.SIG_DFL)
    before = {each: signal.getsignal(each) for each in signals.stopping()}
    assert signum in before
    with stopping.StopSignals(tf.distribute.get_strategy()) as stop:
        assert not stop.agree()
        signal.raise_signal(signum)
        assert stop.agree()
        assert (stop.agreed, stop.ended_by) == (signum, None)
        assert {each: signal.getsignal(each) for each in before} == before
    assert {each: signal.getsignal(each) for each in before} == before
