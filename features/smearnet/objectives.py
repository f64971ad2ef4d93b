"""What a training of SmearNet strives for, apart from the fine classes."""

from typing import Any

import numpy as np

from features.keras_import import import_keras


def teacher_targets(embeddings: np.ndarray, rows: np.ndarray, dims: int) -> np.ndarray:
    """What a teacher says of cells, so that every component of it is heard.

    Roots, standardised, principal components, each divided by the root of its spread (half
    whitened), and length one. A student that learns to give these is taught by a network's
    features instead of its classes (Romero et al. 2015, arXiv:1412.6550; Hinton et al. 2015,
    arXiv:1503.02531).

    Args:
        embeddings: (n, width) of any float.
        rows: the cells to learn centre, spread and components from.
        dims: components kept, at most.

    Returns:
        (n, min(dims, width, number of rows)) float32 of unit length.
    """
    rooted = np.sign(embeddings) * np.sqrt(np.abs(embeddings.astype(np.float32)))
    seen = rooted[rows]
    scaled = (rooted - seen.mean(axis=0)) / (seen.std(axis=0) + 1e-6)
    seen = scaled[rows]
    dims = min(dims, *seen.shape)
    # eigh of the small Gram matrix: an SVD of all cells takes minutes.
    components = np.linalg.eigh(seen.T @ seen)[1][:, ::-1][:, :dims]
    projected = scaled @ components
    projected /= np.sqrt(projected[rows].std(axis=0) + 1e-6)
    lengths = np.linalg.norm(projected, axis=1, keepdims=True)
    return (projected / np.maximum(lengths, 1e-12)).astype(np.float32)


def cross_entropy(logits: Any, codes: Any) -> Any:
    """Mean over a batch of the softmax cross entropy; cells without a class add nothing.

    Args:
        logits: (n, classes). codes: (n,) integers, -1 where there is no class.
    """
    keras = import_keras()
    known = keras.ops.maximum(codes, 0)
    each = keras.losses.sparse_categorical_crossentropy(known, logits, from_logits=True)
    return keras.ops.mean(each * keras.ops.cast(codes >= 0, each.dtype))


def distillation(given: Any, targets: Any) -> Any:
    """Mean of 1 - cosine over the cells that have a target.

    Args:
        given: (n, dims) of any length. targets: (n, dims) of unit length, or 0 where there is none.
    """
    ops = import_keras().ops
    has = ops.sum(targets * targets, axis=-1)
    cosines = ops.sum(_normed(given) * targets, axis=-1)
    return ops.sum(has - cosines) / ops.maximum(ops.sum(has), 1.0)


def contrast(projected: Any, temperature: float) -> Any:
    """NT-Xent of SimCLR: each picture must find the other view of its cell among all others.

    Chen et al. 2020, arXiv:2002.05709.

    Args:
        projected: (2n, dims): first views of n cells, then their second views in the same order.
    """
    keras = import_keras()
    ops = keras.ops
    unit = _normed(projected)
    count = unit.shape[0] or ops.shape(unit)[0]
    alike = ops.matmul(unit, ops.transpose(unit)) / temperature
    alike = alike - 1e9 * ops.eye(count, dtype=alike.dtype)
    numbers = ops.arange(count, dtype="int32")
    other = ops.mod(numbers + count // 2, count)
    return ops.mean(keras.losses.sparse_categorical_crossentropy(other, alike, from_logits=True))


def _normed(x: Any) -> Any:
    ops = import_keras().ops
    return x / ops.sqrt(ops.maximum(ops.sum(x * x, axis=-1, keepdims=True), 1e-12))
