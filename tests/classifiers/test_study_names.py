"""A study is named after its data and protocol: what changes either begins another."""

from dataclasses import replace

import numpy as np
import optuna
from hypothesis import given
from hypothesis import strategies as st
from optuna.storages import BaseStorage

from classifiers.nested import Nested
from classifiers.registry import CLASSIFIERS
from classifiers.trials import search_space
from classifiers.tuning import fingerprint
from tests.classifiers.examples import blobs, patients, protocol, settings, training_part


@given(data=st.data())
def test_fingerprints_tell_any_change_of_data_or_protocol(data: st.DataObject) -> None:
    rows = st.lists(st.integers(0, 5), min_size=1, max_size=8)
    parts = st.tuples(rows.map(np.array), rows, st.sampled_from(["f1_macro", "accuracy"]))
    one, other = data.draw(parts), data.draw(parts)

    def plain(drawn: tuple[np.ndarray, list[int], str]) -> tuple[object, ...]:
        return drawn[0].tolist(), drawn[1], drawn[2]

    assert len(fingerprint(*one)) == 8
    assert (fingerprint(*one) == fingerprint(*other)) == (plain(one) == plain(other))


def studies_of(cells, asked) -> set[str]:  # type: ignore[no-untyped-def]
    storage: BaseStorage = optuna.storages.InMemoryStorage()
    done: list[int] = []
    nested = Nested(
        cells, [CLASSIFIERS["logistic"]], storage, "set | recipe", protocol(asked),
        lambda what, count: done.append(count),
    )  # fmt: skip
    nested.evaluate()
    assert sum(done) == nested.work_units
    return set(optuna.get_all_study_names(storage))


def test_studies_are_named_after_labels_classes_and_protocol() -> None:
    cells = patients(12, 4)
    cells = replace(cells, test=cells.folds == 0)  # one part only: quick
    before = studies_of(cells, settings(1))
    assert len(before) == 1
    assert studies_of(cells, settings(1)) == before
    assert studies_of(cells, settings(2)) == before  # more trials continue the same study
    patient = cells.groups[~cells.test][0]
    relabelled = np.where(cells.groups == patient, 1 - cells.y, cells.y)
    changed = [
        studies_of(replace(cells, y=relabelled), settings(1)),
        studies_of(replace(cells, y=1 - cells.y), settings(1)),  # the folds stay the same
        studies_of(replace(cells, classes=("loud", "quiet")), settings(1)),
        studies_of(replace(cells, sha256=cells.sha256[::-1]), settings(1)),
        studies_of(cells, settings(1, seed=1)),
        studies_of(cells, settings(1, metric="accuracy")),
        studies_of(cells, replace(settings(1), inner_folds=2)),
        studies_of(cells, replace(settings(1), pca=2)),
        studies_of(cells, replace(settings(1), trial_seconds=60)),  # else it could not be raised
    ]
    assert all(not names & before for names in changed)


def test_studies_of_other_folds_are_others_but_for_the_final_one() -> None:
    cells = patients(12, 4)
    before = studies_of(cells, settings(1))
    refolded = studies_of(replace(cells, folds=(cells.folds + 1) % 3), settings(1))
    assert len(before) == len(refolded) == 4
    assert len(before & refolded) == 1


def test_the_text_of_a_search_space_is_its_own_and_the_same_every_time() -> None:
    texts = [
        search_space(spec, training_part(blobs()), settings())
        for spec in CLASSIFIERS.values()
        for _ in range(2)
    ]
    assert len(set(texts)) == len(CLASSIFIERS)
