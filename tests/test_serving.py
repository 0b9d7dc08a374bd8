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

from tfgan import networks
from tfgan.exports import saved_model

# Arguments: folder of the library, SavedModel, tensors of input and output, .npz in and out.
C_API = """
import ctypes, sys
import numpy as np

folder, model, source, target, latents, results = sys.argv[1:]
ctypes.CDLL(f"{folder}/libtensorflow_framework.so.2", ctypes.RTLD_GLOBAL)
c = ctypes.CDLL(f"{folder}/libtensorflow_cc.so.2")
pointer, size = ctypes.c_void_p, ctypes.c_size_t
FLOAT = 1

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

def serve(z):
    fed = allocate(FLOAT, (ctypes.c_int64 * 2)(*z.shape), 2, z.nbytes)
    ctypes.memmove(data(fed), z.tobytes(), z.nbytes)
    fetched = (pointer * 1)()
    run(session, None, ctypes.byref(output(source)), (pointer * 1)(fed), 1,
        ctypes.byref(output(target)), fetched, 1, None, 0, None, status)
    check()
    shape = [dimension(fetched[0], axis) for axis in range(dimensions(fetched[0]))]
    content = ctypes.string_at(data(fetched[0]), bytes_of(fetched[0]))
    return np.frombuffer(content, np.float32).reshape(shape)

with np.load(latents) as batches:
    np.savez(results, **{name: serve(z) for name, z in batches.items()})
assert not {"tensorflow", "keras", "tfgan"} & set(sys.modules)
"""


@pytest.mark.parametrize("shape", [(4, 6, 1), (8, 8, 3)])
def test_c_library_serves_batches_of_1_7_and_1000(shape, tmp_path):
    generator = networks.mlp_generator(5, 16, shape, seed=3)
    path = tmp_path / "generator"
    saved_model.save_generator(path, generator)
    content = saved_model_pb2.SavedModel.FromString((path / "saved_model.pb").read_bytes())
    signature = content.meta_graphs[0].signature_def["serving_default"]
    assert signature.method_name == "tensorflow/serving/predict"
    rng = np.random.default_rng(0)
    batches = {str(n): rng.normal(size=(n, 5)).astype("float32") for n in (1, 7, 1000)}
    np.savez(tmp_path / "z.npz", **batches)
    tensors = [signature.inputs["z"].name, signature.outputs["images"].name]
    files = [tmp_path / "z.npz", tmp_path / "images.npz"]
    done = subprocess.run(
        [sys.executable, "-c", C_API, pathlib.Path(tf.__file__).parent, path, *tensors, *files],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "images.npz") as images:
        for name, z in batches.items():
            expected = (generator(z).numpy() + 1) / 2
            assert images[name].shape == (len(z), *shape)
            np.testing.assert_allclose(images[name], expected, atol=1e-6)
