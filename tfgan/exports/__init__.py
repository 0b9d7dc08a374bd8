"""Exports of a trained generator for other programs: SavedModel, Keras, ONNX, LiteRT, a page."""
