"""The SavedModel as a model server takes it: by TensorFlow's C library, without its Python.

A server's own loader is `LoadSavedModel` of the same library. No package of the Python index
holds a server for this TensorFlow, so there is none in this test.
"""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfgan import networks, noise
from tfgan.exports import saved_model

# Arguments: folder of the library, SavedModel, tensor of output, .npz in and out, and the tensor of
# each input by its name.
C_API = """
import ctypes, sys
import numpy as np

folder, model, target, given, results, *sources = sys.argv[1:]
sources = dict(each.split("=") for each in sources)
ctypes.CDLL(f"{folder}/libtensorflow_framework.so.2", ctypes.RTLD_GLOBAL)
c = ctypes.CDLL(f"{folder}/libtensorflow_cc.so.2")
pointer, size = ctypes.c_void_p, ctypes.c_size_t
TYPES = {"float32": 1, "int64": 9}

class Output(ctypes.Structure):
    _fields_ = [("operation", pointer), ("index", ctypes.c_int)]

def function(name, result, *arguments):
    call = getattr(c, name)
    call.restype, call.argtypes = result, arguments
    return call

status = function("TF_NewStatus", pointer)()

def check():
    message = function("TF_Message", ctypes.c_char_p, pointer)(status)
    assert function("TF_GetCode", ctypes.c_int, pointer)(status) == 0, message

graph = function("TF_NewGraph", pointer)()
tags = (ctypes.c_char_p * 1)(b"serve")
load = function("TF_LoadSessionFromSavedModel", *[pointer] * 3, ctypes.c_char_p,
                ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, *[pointer] * 3)
session = load(function("TF_NewSessionOptions", pointer)(), None, model.encode(), tags, 1,
               graph, None, status)
check()

def output(tensor):
    name, index = tensor.split(":")
    find = function("TF_GraphOperationByName", pointer, pointer, ctypes.c_char_p)
    return Output(find(graph, name.encode()), int(index))

data = function("TF_TensorData", pointer, pointer)
bytes_of = function("TF_TensorByteSize", size, pointer)
dimensions = function("TF_NumDims", ctypes.c_int, pointer)
dimension = function("TF_Dim", ctypes.c_int64, pointer, ctypes.c_int)
allocate = function("TF_AllocateTensor", pointer, ctypes.c_int, ctypes.POINTER(ctypes.c_int64),
                    ctypes.c_int, size)
run = function("TF_SessionRun", None, pointer, pointer,
               ctypes.POINTER(Output), ctypes.POINTER(pointer), ctypes.c_int,
               ctypes.POINTER(Output), ctypes.POINTER(pointer), ctypes.c_int,
               pointer, ctypes.c_int, pointer, pointer)

def tensor(values):
    shape = (ctypes.c_int64 * values.ndim)(*values.shape)
    made = allocate(TYPES[values.dtype.name], shape, values.ndim, values.nbytes)
    ctypes.memmove(data(made), values.tobytes(), values.nbytes)
    return made

def serve(inputs):
    count = len(inputs)
    places = (Output * count)(*[output(sources[name]) for name in inputs])
    fed = (pointer * count)(*map(tensor, inputs.values()))
    fetched = (pointer * 1)()
    run(session, None, places, fed, count,
        ctypes.byref(output(target)), fetched, 1, None, 0, None, status)
    check()
    shape = [dimension(fetched[0], axis) for axis in range(dimensions(fetched[0]))]
    content = ctypes.string_at(data(fetched[0]), bytes_of(fetched[0]))
    return np.frombuffer(content, np.float32).reshape(shape)

with np.load(given) as arrays:
    batches = {}
    for key, values in arrays.items():
        number, name = key.split()
        batches.setdefault(number, {})[name] = values
np.savez(results, **{number: serve(inputs) for number, inputs in batches.items()})
assert not {"tensorflow", "keras", "tfgan"} & set(sys.modules)
"""


@pytest.mark.parametrize(("shape", "classes"), [((4, 6, 1), 0), ((8, 8, 3), 0), ((4, 6, 1), 3)])
def test_c_library_serves_batches_of_1_7_and_1000(shape, classes, tmp_path):
    generator = networks.mlp_generator(5, 16, shape, seed=3, classes=classes)
    path = tmp_path / "generator"
    saved_model.save_generator(path, generator)
    content = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    signature = content.meta_graphs[0].signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"
    assert set(signature.inputs) == ({"z", "label"} if classes else {"z"})
    rng = np.random.default_rng(0)
    batches = {}
    for count in (1, 7, 1000):
        batches[count] = {"z": rng.normal(size=(count, 5)).astype("float32")}
        if classes:
            batches[count]["label"] = rng.integers(-1, classes, count)
    given = {
        f"{count} {name}": values
        for count, inputs in batches.items()
        for name, values in inputs.items()
    }
    np.savez(tmp_path / "given.npz", **given)
    files = [tmp_path / "given.npz", tmp_path / "images.npz"]
    sources = [f"{name}={each.name}" for name, each in signature.inputs.items()]
    library = pathlib.Path(tf.__file__).parent
    target = signature.outputs["images"].name
    done = subprocess.run(
        [sys.executable, "-c", C_API, library, path, target, *files, *sources],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "images.npz") as images:
        for count, inputs in batches.items():
            z = inputs["z"]
            if classes:
                drawn = noise.by_share(noise.unit_of(z), (1 / 3,) * 3).numpy()
                z = (z, np.where(inputs["label"] == -1, drawn, inputs["label"]))
            expected = (generator(z).numpy() + 1) / 2
            assert images[str(count)].shape == (count, *shape)
            np.testing.assert_allclose(images[str(count)], expected, atol=1e-6)
