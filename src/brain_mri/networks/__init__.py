"""Set Keras' backend before Keras is imported, regardless of the user's settings."""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
# otherwise one experiment would claim all GPU memory and leave none to a second
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
