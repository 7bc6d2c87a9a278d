"""Make Keras give the same bytes each time: seed, precision and threads."""

import re
from pathlib import Path

import keras


def prepare(seed: int, precision: str = "float32", threads: int = 0) -> None:
    """Seed Python, NumPy and the backend, set precision and threads; call it first.

    Same seed, number of threads and machine give the same bytes. Threads share out one
    operation at a time: side by side, operations made a training differ from run to
    run, TensorFlow's switch for deterministic operations notwithstanding.

    Args:
        seed: in [0, 2**32).
        precision: float32 or mixed_bfloat16.
        threads: how many share out an operation; 0 for all cores.
    """
    if keras.backend.backend() == "tensorflow":  # the only backend with such switches
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        # once TensorFlow is at work it refuses another number, not the same
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.set_random_seed(seed)
    # what a user's keras.json may say otherwise
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy(precision)


def hint(precision: str) -> None:
    """Print that mixed_bfloat16 would be faster, where the processor has it."""
    flags = Path("/proc/cpuinfo")  # Linux alone says it in a file
    text = flags.read_text(encoding="utf-8") if flags.is_file() else ""
    if precision == "float32" and re.search(r"\b(avx512_bf16|amx_bf16)\b", text):
        print("This processor is faster with -S precision=mixed_bfloat16", flush=True)
