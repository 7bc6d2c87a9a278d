"""Make Keras reproducible to the byte: seed, precision and threads."""

import re
from pathlib import Path

import keras


def prepare(seed: int, precision: str = "float32", threads: int = 0) -> None:
    """Seed Python, NumPy and the backend, and set precision and number of threads.

    Call this before building a model. The same seed, number of threads and machine give
    the same bytes. Operations run one at a time, each on all threads: when operations
    ran in parallel, trainings differed from run to run, even with TensorFlow's
    deterministic operations enabled.

    Args:
        seed: in [0, 2**32).
        precision: float32 or mixed_bfloat16.
        threads: number of threads per operation; 0 for all cores.
    """
    if keras.backend.backend() == "tensorflow":  # the only backend with these settings
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
        # once initialised, TensorFlow refuses a different number but not the same one
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    keras.utils.clear_session()  # or earlier networks of this process stay in memory
    keras.utils.set_random_seed(seed)
    # override the user's keras.json
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_image_data_format("channels_last")
    keras.config.set_dtype_policy(precision)


def hint(precision: str) -> None:
    """Print a hint if the processor supports bfloat16 but precision is float32."""
    flags = Path("/proc/cpuinfo")  # Linux only
    text = flags.read_text(encoding="utf-8") if flags.is_file() else ""
    if precision == "float32" and re.search(r"\b(avx512_bf16|amx_bf16)\b", text):
        print("This processor is faster with -S precision=mixed_bfloat16", flush=True)
