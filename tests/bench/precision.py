"""bf16 beside float32 on real cells with real weights: the gate's figures, and what is lost."""

from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from features.store import EmbeddingStore
from pipeline.config import RunConfig
from pipeline.extract import read_extract, run_extract
from pipeline.scan import read_scan
from tests.bench.measure import table
from tests.shared import PBC, WEIGHTS

REAL = (  # backbone, alpha
    ("mobilenet_v2", 1.0),
    ("mobilenet_v2", 0.35),
    ("densenet169", 1.0),
    ("inception_v3@mixed8", 1.0),
    ("resnet50@conv4_block6_out", 1.0),
    ("vgg16@block3_pool", 1.0),
)


def _macro_f1(store: EmbeddingStore, sha256: list[str], labels: np.ndarray) -> np.ndarray:
    """Macro-F1 of each of 5 random folds: standardised, logistic regression, C = 0.01."""
    X = store.embeddings(sha256)
    scores = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, labels):
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        model.fit(X[train], labels[train])
        scores.append(f1_score(labels[test], model.predict(X[test]), average="macro"))
    return np.array(scores)


def gate(folder: Path) -> list[str]:
    """The gate on every real weights file, and macro-F1 in both precisions."""
    if not PBC.is_dir():
        return ["Needs the real images and weights that the project is developed with."]
    rows = []
    for backbone, alpha in REAL:
        found = {}
        for precision in ("float32", "bf16"):
            config = RunConfig(
                dataset="pbc2020", images=str(PBC), weights=str(WEIGHTS), backbone=backbone,
                alpha=alpha, precision=precision, gate=0.0, work=str(folder / "work"),
                run=f"{backbone.replace('@', '-')}-{alpha}-{precision}",
            )  # fmt: skip
            run_extract(config)
            found[precision] = config
        record, stores, _ = read_extract(found["bf16"])
        exact = read_extract(found["float32"])[1][0]
        frame = read_scan(found["float32"])[0].frame
        labels, sha256 = frame.label.to_numpy(str), list(frame.sha256)
        before, after = (_macro_f1(store, sha256, labels) for store in (exact, stores[0]))
        (result,) = record.gates.values()
        name = f"{backbone} {alpha}" if backbone == "mobilenet_v2" else backbone
        rows.append(
            f"| {name} | {result.cosine:.4f} | {result.lowest:.4f} | {result.neighbours:.0%} | "
            f"{before.mean():.4f} | {after.mean():.4f} | {after.mean() - before.mean():+.4f} "
            f"({(after - before).min():+.4f} to {(after - before).max():+.4f}) |"
        )
        print(rows[-1], flush=True)
    head = "weights file of | centred cosine | lowest | same nearest neighbour | macro-F1, float32 "
    head += "| macro-F1, bf16 | change (over 5 folds)"
    return [
        "PBC subset (2,918 real cells, 8 classes), ImageNet weights. The gate compares 64 images;",
        "macro-F1 is of a logistic regression (C = 0.01) on standardised embeddings, 5 random",
        "folds, the same for both.",
        "",
        *table(head, rows),
    ]
