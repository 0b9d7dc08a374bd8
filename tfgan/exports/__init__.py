"""The trained generator for other programs: SavedModel, Keras, ONNX, LiteRT, a page."""
