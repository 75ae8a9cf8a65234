"""A linear probe and k nearest neighbours, by Twofold and by others, on the same features."""

import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

K = 200
MOST_ITERATIONS = 1000
"""For scikit-learn, whose hundred are too few to come to an end here."""


def linear_twofold(file: str, l2: float) -> dict[str, Any]:
    """L-BFGS with Twofold's preconditioner, to its usual tolerance."""
    from twofold.evaluations._logistic import LogisticRegression
    from twofold.train.engine import keep_freed_memory

    keep_freed_memory()  # as every command does
    fit, fit_labels, judge, judge_labels = (torch.from_numpy(part) for part in _features(file))
    classes = int(fit_labels.max()) + 1

    def probe() -> torch.Tensor:
        return LogisticRegression(fit, fit_labels, classes).fit(l2).predict(judge)

    return _timed(probe, lambda predicted: float((predicted == judge_labels).double().mean()))


def linear_scikit_learn(file: str, l2: float) -> dict[str, Any]:
    """``LogisticRegression`` with the same penalty and its usual solver and tolerance."""
    from sklearn.linear_model import LogisticRegression

    fit, fit_labels, judge, judge_labels = _features(file)
    model = LogisticRegression(C=1 / (len(fit) * l2), max_iter=MOST_ITERATIONS)
    return _timed(
        lambda: model.fit(fit, fit_labels).predict(judge), lambda found: float((found == judge_labels).mean())
    )


def knn_twofold(file: str, queries: int) -> dict[str, Any]:
    """Neighbours by cosine."""
    from twofold.metrics.knn import neighbours
    from twofold.train.engine import keep_freed_memory

    keep_freed_memory()  # as every command does
    fit, _, judge, _ = _features(file)
    bank, asked = torch.from_numpy(fit), torch.from_numpy(judge[:queries])
    return _timed(lambda: neighbours(asked, bank, K), lambda near: _agreement(near.row.numpy(), fit, judge))


def knn_faiss(file: str, queries: int) -> dict[str, Any]:
    """``IndexFlatIP`` on rows of unit length."""
    import faiss

    fit, _, judge, _ = _features(file)

    def search() -> np.ndarray:
        bank, asked = _unit(fit), _unit(judge[:queries])
        index = faiss.IndexFlatIP(bank.shape[1])
        index.add(bank)
        found: np.ndarray = index.search(asked, K)[1]
        return found

    return _timed(search, lambda row: _agreement(row, fit, judge))


def knn_scikit_learn(file: str, queries: int) -> dict[str, Any]:
    """``NearestNeighbors`` by brute force, cosine distance; its products take all cores."""
    from sklearn.neighbors import NearestNeighbors

    fit, _, judge, _ = _features(file)

    def search() -> np.ndarray:
        model = NearestNeighbors(n_neighbors=K, metric="cosine", algorithm="brute").fit(fit)
        found: np.ndarray = model.kneighbors(judge[:queries], return_distance=False)
        return found

    return _timed(search, lambda row: _agreement(row, fit, judge))


def knn_large(rows: int, width: int, queries: int) -> dict[str, Any]:
    """Twofold's neighbours in a large bank of random rows: time, and memory beyond the bank."""
    from twofold.metrics.knn import neighbours
    from twofold.train.engine import keep_freed_memory

    keep_freed_memory()  # as every command does
    random = torch.Generator().manual_seed(0)
    bank = torch.randn(rows, width, generator=random)
    asked = torch.randn(queries, width, generator=random)
    neighbours(asked[:64], bank[:4096], K)
    before = _most()
    return {**_timed(lambda: neighbours(asked, bank, K), lambda _: 0.0), "mebibytes": _most() - before}


def _features(file: str) -> list[np.ndarray]:
    with np.load(file) as kept:
        return [kept[name] for name in ("fit", "fit_labels", "judge", "judge_labels")]


def _unit(rows: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _timed(work: Callable[[], Any], quality: Callable[[Any], float]) -> dict[str, Any]:
    """Seconds of the first go, as a user meets it, with everything imported; and how good its answer is."""
    start = time.perf_counter()
    answer = work()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "quality": quality(answer)}


def _agreement(row: np.ndarray, fit: np.ndarray, judge: np.ndarray) -> float:
    """Share of 200 queries' neighbours that float64 finds, too."""
    some = slice(0, 200)
    similar = _unit(judge[some].astype(np.float64)) @ _unit(fit.astype(np.float64)).T
    exact = np.argpartition(-similar, K, axis=1)[:, :K]
    same = [len(np.intersect1d(a, b)) for a, b in zip(row[some], exact, strict=True)]
    return float(np.mean(same)) / K


def _most() -> float:
    """MiB that this process held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
