"""Your own pictures as a set of TensorFlow Datasets: prepared once, then like any other set."""
