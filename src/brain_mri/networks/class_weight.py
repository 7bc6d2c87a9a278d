"""Weight both classes equally in training, and restore their prior afterwards."""

import keras
import numpy as np
import numpy.typing as npt

from brain_mri.errors import InputError


def balanced(y_true: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the weight of an image of each class that makes both classes weigh alike.

    n / (2 n_class), scikit-learn's "balanced",
    https://scikit-learn.org/stable/modules/generated/sklearn.utils.class_weight.compute_class_weight.html

    Args:
        y_true: labels of the training images, shape (n,), 0 or 1.

    Returns:
        Weights of no and yes, shape (2,); their mean over the images is 1.

    Raises:
        InputError: a class is missing.
    """
    counts = np.bincount(y_true, minlength=2)
    if not counts.all():
        raise InputError(
            f"class_weight: expected training images of both classes, found "
            f"{counts[0]} no and {counts[1]} yes; add images, or -S class_weight=none"
        )
    return (len(y_true) / (2 * counts)).astype(np.float32)


def restore_prior(model: keras.Model, y_true: npt.NDArray[np.int64]) -> None:
    """Change a network trained with `balanced` weights to score at the true prior.

    With these weights a network learns the scores of a collection of as many yes as no.
    By Bayes' theorem log(n_yes / n_no) is missing in each logit, and is added to the
    bias of the last layer: "prior correction" of King & Zeng 2001, Political Analysis
    9(2):137-163; Saerens, Latinne & Decaestecker 2002, doi:10.1162/089976602753284446.
    The order with `vgg16_head.fold`, which changes the first layer alone, is free.

    Args:
        model: its last layer is `tumour`, Dense with a sigmoid.
        y_true: labels of its training images, shape (n,), 0 or 1.
    """
    last = model.get_layer("tumour")
    kernel, bias = last.get_weights()
    no, yes = np.bincount(y_true, minlength=2)
    last.set_weights([kernel, bias + np.float32(np.log(yes / no))])
