"""Any evaluation in depth, as the dictionaries that run.json holds."""

from hypothesis import strategies as st

FIGURE = st.none() | st.floats(0, 1)
ESTIMATE = st.fixed_dictionaries({"value": FIGURE, "low": FIGURE, "high": FIGURE})
NAMES = st.text(min_size=1, max_size=8)
POINT = st.fixed_dictionaries(
    dict.fromkeys(
        (
            "sensitivity", "specificity", "ppv", "npv", "lr_positive", "lr_negative", "auroc",
            "average_precision",
        ),
        ESTIMATE,
    )
    | dict.fromkeys(
        (
            "n_positive", "n_negative", "true_positives", "false_positives", "false_negatives",
            "true_negatives",
        ),
        st.integers(0, 99),
    )
    | {
        "name": NAMES,
        "rule": st.sampled_from(["threshold", "most probable class"]),
        "threshold_low": FIGURE,
        "threshold_high": FIGURE,
        "at_prevalence": st.just([]),
    }
)  # fmt: skip
RELIABILITY = st.fixed_dictionaries(
    dict.fromkeys(("brier", "log_loss", "ece", "classwise_ece"), ESTIMATE)
    | {
        "bins": st.lists(
            st.fixed_dictionaries(
                {"count": st.integers(1, 9), "confidence": st.floats(0, 1), "accuracy": ESTIMATE}
            ),
            max_size=1,
        )
    }
)
WISH = st.fixed_dictionaries(
    {
        "wish": st.floats(0, 1),
        "coverage": ESTIMATE,
        "error": ESTIMATE,
        "found": st.floats(0, 1),
        "verdict": st.sampled_from(["met", "not met", "not reachable"]),
        "confidence": FIGURE,
    }
)
EVALUATION = st.fixed_dictionaries(
    {
        "n": st.integers(1, 999),
        "n_groups": st.integers(1, 99),
        "positive": st.lists(NAMES, max_size=2),
        "operating": st.lists(POINT, max_size=1),
        "average_precision": st.dictionaries(NAMES, ESTIMATE, max_size=1),
        "average_precision_macro": ESTIMATE,
        "calibration": st.fixed_dictionaries(
            {
                "method": NAMES,
                "before": st.none() | RELIABILITY,
                "after": RELIABILITY,
                "brier_gain": st.none() | ESTIMATE,
                "log_loss_gain": st.none() | ESTIMATE,
            }
        ),
        "coverage": st.fixed_dictionaries(
            {
                "error": ESTIMATE,
                "aurc": ESTIMATE,
                "curve": st.just([]),
                "wishes": st.lists(WISH, max_size=1),
                "note": st.text(max_size=9),
            }
        ),
        "conformal": st.just({"sets": [], "halvings": 0, "note": "one group"}),
        "patients": st.fixed_dictionaries(
            dict.fromkeys(("n", "n_labelled", "unknown"), st.integers(0, 9))
            | {
                "labels": st.lists(NAMES, max_size=2),
                "rules": st.just([]),
                "rows": st.just([]),
                "worst": st.just([]),
                "note": st.text(max_size=9),
            }
        ),
    }
)
