"""Keras' backend is named before Keras loads, whatever a user's own settings say."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
# or the first of two experiments would take a GPU's whole memory
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
