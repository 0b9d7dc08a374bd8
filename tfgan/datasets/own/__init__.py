"""Your own pictures as a set of TensorFlow Datasets, prepared once."""
