"""`tf.distribute` strategies by name, and what several workers agree on."""

import contextlib
import dataclasses
import faulthandler
import functools
import json
import os
import re
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.eager import context as eager

from tfgan.cluster.gpus import unusable_gpus
from tfgan.cluster.replicas import Share
from tfgan.ground.errors import UserError, WorkerLost, first_line

_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)
_SLURM = ("SLURM_STEP_NODELIST", "SLURM_STEP_TASKS_PER_NODE", "SLURM_PROCID")
_BITS = {tf.float32: tf.int32, tf.float64: tf.int64}


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes that train together.

    Attributes:
        workers: the address `host:port` of each; the first is the chief.
        index: which of them this process is.
    """

    workers: tuple[str, ...]
    index: int


def find_cluster(name: str = "auto") -> Cluster | None:
    """The cluster that a strategy of that name runs on.

    Returns:
        The one that the environment describes, by `TF_CONFIG` or as a Slurm step; None if it
        describes none, or if the strategy needs none.

    Raises:
        UserError: if there must be one and is none, or `TF_CONFIG` is not as documented.
    """
    if name not in ("auto", "multi_worker"):
        return None
    cluster = _from_environment()
    if cluster is None and name == "multi_worker":
        raise UserError(
            "--strategy=multi_worker: no cluster found; set TF_CONFIG, run it as a Slurm step, or "
            "try it with: python -m tfgan.launch --workers=2 -- FLAGS"
        )
    return cluster


def _from_environment() -> Cluster | None:
    if text := os.environ.get("TF_CONFIG"):
        return _from_tf_config(text)
    if _number("SLURM_STEP_NUM_TASKS", 1) > 1:
        # Jobs that share a node must not share ports.
        port = 12000 + _number("SLURM_JOB_ID", 0) % 1000 * 32
        try:
            resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
                port_base=port, gpus_per_node=1024, gpus_per_task=1, auto_set_gpu=False
            )  # Slurm itself gives each task its GPUs
            workers = tuple(resolver.cluster_spec().as_dict()["worker"])
            index = int(resolver.task_id)
        except Exception as error:  # whatever TensorFlow makes of a list of nodes
            raise UserError(
                f"{', '.join(_SLURM)}: must have the values that Slurm sets in a step: "
                f"{first_line(error)}; without Slurm, unset SLURM_STEP_NUM_TASKS or use "
                "--strategy=one_device"
            ) from None
        if not 0 <= index < len(workers):
            raise UserError(f"SLURM_PROCID={index}: the step has {len(workers)} tasks")
        return Cluster(workers, index)
    return None


def _number(name: str, default: int) -> int:
    """A whole number of the environment."""
    text = os.environ.get(name) or str(default)
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise UserError(f"{name}={text}: must be a whole number, as Slurm sets it")
    return int(text)


def _is_address(text: str) -> bool:
    host, _, port = text.rpartition(":")
    plain = re.fullmatch(r"\S+", host) and re.fullmatch(r"[0-9]{1,5}", port)
    return bool(plain) and 1 <= int(port) <= 65535


def _from_tf_config(text: str) -> Cluster | None:
    problem = "TF_CONFIG: must be like "
    problem += '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
    try:
        values = json.loads(text)
        jobs = values.get("cluster", {})
        if not jobs:
            return None
        kind, index = values["task"]["type"], int(values["task"]["index"])
        ranks = [(job, i) for job in ("chief", "worker") for i in range(len(jobs.get(job, [])))]
        addresses = tuple(str(jobs[job][i]) for job, i in ranks)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        raise UserError(problem) from None
    if others := sorted(set(jobs) - {"chief", "worker"}):
        raise UserError(
            f"TF_CONFIG: has the jobs {', '.join(others)}; only a chief and workers can train"
        )
    for address in addresses:
        if not _is_address(address):
            raise UserError(f"{problem}; {address!r} is not host:port with a port up to 65535")
    if len(set(addresses)) < len(addresses):
        raise UserError("TF_CONFIG: contains an address twice")
    if (kind, index) not in ranks:
        raise UserError(f"TF_CONFIG: its task is {kind} {index}, which is not in the cluster")
    return Cluster(addresses, ranks.index((kind, index)))


def choose_devices(devices: str) -> None:
    """Lets TensorFlow see only some devices of this machine.

    Args:
        devices: e.g. "CPU", "GPU:1" or "GPU:0,GPU:2"; several CPUs, as in "CPU:0,CPU:1", are
            strategy out of the one that there is. Empty: all.

    Raises:
        UserError: if there is no such device, or TensorFlow runs already with others.
    """
    if not devices:
        return
    flag = f"--devices={devices}"
    names = devices.upper().split(",")
    if not all(re.fullmatch(r"(CPU|GPU)(:\d+)?", name) for name in names):
        raise UserError(f"{flag}: must be like CPU, GPU:1 or GPU:0,GPU:1")
    kinds = {name.split(":")[0] for name in names}
    indices = [int(name.partition(":")[2] or 0) for name in names]
    if len(kinds) > 1 or len(set(indices)) < len(indices):
        raise UserError(f"{flag}: must name different devices of one kind")
    gpus = tf.config.list_physical_devices("GPU")
    try:
        if kinds == {"GPU"}:
            if max(indices) >= len(gpus):
                found = unusable_gpus() or f"this machine has {len(gpus) or 'no'} GPUs"
                raise UserError(f"{flag}: {found}")
            chosen = [gpus[index] for index in indices]
            if tf.config.get_visible_devices("GPU") != chosen:
                tf.config.set_visible_devices(chosen, "GPU")
            return
        if sorted(indices) != list(range(len(indices))):
            raise UserError(f"{flag}: number several CPUs from CPU:0")
        if tf.config.get_visible_devices("GPU"):
            tf.config.set_visible_devices([], "GPU")
        (cpu,) = tf.config.list_physical_devices("CPU")
        if len(tf.config.get_logical_device_configuration(cpu) or [cpu]) != len(indices):
            parts = [tf.config.LogicalDeviceConfiguration()] * len(indices)
            tf.config.set_logical_device_configuration(cpu, parts)
    except RuntimeError:
        raise UserError(
            f"{flag}: TensorFlow already runs in this process with other devices; set them earlier"
        ) from None


def make_strategy(
    name: str,
    batch_size: int,
    cluster: Cluster | None = None,
    worker_timeout: float = 120,
    pack: int = 1,
) -> tf.distribute.Strategy:
    """Makes the strategy of that name.

    Args:
        name: "auto", "one_device", "mirrored" or "multi_worker". "auto" is multi_worker if there
            is a cluster, else mirrored if there are several GPUs, else one_device.
        batch_size: the global batch.
        cluster: what `find_cluster(name)` found.
        worker_timeout: seconds that another worker may be silent.
        pack: images that stay together.

    Raises:
        UserError: if the batch cannot be shared evenly.
    """
    strategy = tf.distribute.get_strategy()
    if cluster:
        strategy = _multi_worker(cluster, worker_timeout)
    elif name != "one_device":
        gpus = tf.config.list_logical_devices("GPU")
        devices = gpus or tf.config.list_logical_devices("CPU")
        if name == "mirrored" or len(gpus) > 1:
            strategy = _mirrored(tuple(device.name for device in devices))
    replicas = strategy.num_replicas_in_sync
    parts = replicas * pack
    if batch_size % parts:
        low = batch_size // parts * parts
        near = " or ".join(str(size) for size in (low, low + parts) if size)
        packs = f" in packs of {pack}" if pack > 1 else ""
        raise UserError(
            f"--batch_size={batch_size}: {replicas} devices cannot divide it evenly{packs}; use "
            f"{near}"
        )
    return strategy


@functools.cache
def _mirrored(devices: tuple[str, ...]) -> tf.distribute.Strategy:
    """The strategy of these devices, the same at each call.

    A second one in a process would number its all-reduces from the first on again, and TensorFlow
    takes two of one number for one, which ends the run if their shapes differ.
    """
    return tf.distribute.MirroredStrategy(devices)


def _multi_worker(cluster: Cluster, worker_timeout: float) -> tf.distribute.Strategy:
    gpus = len(tf.config.get_visible_devices("GPU"))
    addresses = tf.train.ClusterSpec({"worker": cluster.workers})
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
        addresses, task_type="worker", task_id=cluster.index, num_accelerators={"GPU": gpus}
    )
    # MultiWorkerMirroredStrategy waits for its peers for an hour unless this is set before.
    milliseconds = int(1000 * worker_timeout)
    eager.context().configure_coordination_service(
        service_type="standalone",
        service_leader="/job:worker/task:0",
        cluster_register_timeout_in_ms=milliseconds,
        heartbeat_timeout_in_ms=milliseconds,
        coordinated_jobs=[
            eager.coordination_config_pb2.CoordinatedJob(
                name="worker", num_tasks=len(cluster.workers)
            )
        ],
    )
    # All are there, but one that died now would be waited for, and not even Ctrl-C be heard.
    faulthandler.dump_traceback_later(worker_timeout, exit=True)
    try:
        return tf.distribute.MultiWorkerMirroredStrategy(resolver)
    finally:
        faulthandler.cancel_dump_traceback_later()


@contextlib.contextmanager
def lost_workers(cluster: Cluster | None) -> Iterator[None]:
    """Turns what TensorFlow raises when a worker of the cluster is gone into WorkerLost."""
    try:
        yield
    except _LOST as error:
        if cluster is None or len(cluster.workers) == 1:
            raise  # there is none to lose
        raise WorkerLost(
            f"worker {cluster.index} of {len(cluster.workers)} has lost another "
            f"({type(error).__name__}: {first_line(error)}); restart all workers to resume from "
            "the newest checkpoint"
        ) from None


def joined() -> bool:
    """Whether this process has become a worker of a cluster."""
    return eager.context().coordination_service is not None


def workers(strategy: tf.distribute.Strategy) -> int:
    """How many processes train together."""
    resolver = strategy.cluster_resolver
    return len(resolver.cluster_spec().job_tasks("worker")) if resolver else 1


def is_chief(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process writes the run's folder."""
    resolver = strategy.cluster_resolver
    return resolver is None or resolver.task_id == 0


def share(context: tf.distribute.InputContext) -> Share:
    """The parts of each batch that the devices of this process get."""
    replicas = context.num_replicas_in_sync
    count = replicas // context.num_input_pipelines
    return Share(replicas, count * context.input_pipeline_id, count)


def any_worker(strategy: tf.distribute.Strategy, flag: bool) -> bool:
    """Whether the flag is up in any worker. All must ask together; each waits for the others."""
    return any_worker_each(strategy, [flag])[0]


def any_worker_each(strategy: tf.distribute.Strategy, flags: Sequence[bool]) -> list[bool]:
    """Of each of so many flags, whether it is up in any worker; see `any_worker`."""
    if workers(strategy) == 1:
        return list(flags)
    found = strategy.reduce("SUM", tf.constant(flags, tf.int32), axis=None)
    return [bool(count) for count in found.numpy() > 0]


def from_chief(strategy: tf.distribute.Strategy, variables: Sequence[Any]) -> None:
    """Gives every worker the chief's values, to the bit. All must ask together."""
    if workers(strategy) == 1:
        return
    for variable in variables:
        value = variable.value
        # A sum in which all but one are 0; of integers, for -0.0 + 0.0 is 0.0.
        bits = tf.bitcast(value, _BITS.get(value.dtype, value.dtype))
        bits = strategy.reduce(
            "SUM", bits if is_chief(strategy) else tf.zeros_like(bits), axis=None
        )
        variable.assign(tf.bitcast(bits, value.dtype))


def describe(strategy: tf.distribute.Strategy) -> str:
    """The devices in words, e.g. "one CPU", "2 mirrored GPUs" or "3 workers with 1 CPU each"."""
    if strategy.num_replicas_in_sync == 1:
        return "one GPU" if tf.config.list_logical_devices("GPU") else "one CPU"
    here = strategy.extended.worker_devices
    kind = tf.DeviceSpec.from_string(here[0]).device_type
    if (count := workers(strategy)) > 1:
        return f"{count} workers with {len(here)} {kind}{'s' * (len(here) > 1)} each"
    return f"{len(here)} mirrored {kind}s"
