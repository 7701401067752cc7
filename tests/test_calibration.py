from typing import TypeAlias

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from escalation.calibration import (
    Calibration,
    Line,
    best_threshold,
    calibration_error,
    fit_line,
    lines_for,
    logit,
    reliability_bins,
    sigmoid,
)

Values: TypeAlias = np.ndarray[tuple[int], np.dtype[np.float64]]

probabilities = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1))


def test_too_sure_scores_are_brought_down() -> None:
    generator = np.random.default_rng(0)
    truth = generator.uniform(0.02, 0.98, 20_000)
    outcomes = generator.random(20_000) < truth
    line = fit_line(logit(truth) * 3 + 1, outcomes)
    assert line.slope == pytest.approx(1 / 3, abs=0.02)
    assert line.intercept == pytest.approx(-1 / 3, abs=0.05)
    calibrated = sigmoid((logit(truth) * 3 + 1) * line.slope + line.intercept)
    before = calibration_error(reliability_bins(sigmoid(logit(truth) * 3 + 1), outcomes))
    assert calibration_error(reliability_bins(calibrated, outcomes)) < 0.02 < before


def test_without_outcomes_scores_stay() -> None:
    assert fit_line(np.empty(0, np.float32), np.empty(0, bool)) == Line(1.0, 0.0)


@given(probabilities, st.data())
def test_lines_keep_the_order_of_scores(values: Values, data: st.DataObject) -> None:
    outcomes = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    line = fit_line(logit(values), outcomes)
    assert np.isfinite(line).all()
    assert line.slope > 0


@given(probabilities)
def test_thresholds_are_half_the_best_expected_f1(values: Values) -> None:
    threshold = best_threshold(values.astype(np.float32))
    assert 0.0 <= threshold <= 0.5
    if values.sum() > 0.1:
        f1 = [2 * values[values >= t].sum() / ((values >= t).sum() + values.sum()) for t in values]
        assert threshold == pytest.approx(max(f1) / 2, abs=1e-3)


@given(probabilities, st.data())
def test_bins_hold_every_case_once(values: Values, data: st.DataObject) -> None:
    outcomes = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    bins = reliability_bins(values, outcomes)
    assert sum(item.cases for item in bins) == len(values)
    assert sum(item.cases * item.share for item in bins) == pytest.approx(sum(outcomes))
    assert 0.0 <= calibration_error(bins) <= 1.0


def test_calibration_error_is_the_mean_distance() -> None:
    assert calibration_error(reliability_bins([0.9] * 10, [True] * 9 + [False])) == pytest.approx(0.0)
    assert calibration_error(reliability_bins([0.8, 0.8, 0.3, 0.3], [True, True, False, True])) == pytest.approx(0.2)
    assert calibration_error([]) == 0.0


def test_calibration_goes_through_a_configuration() -> None:
    calibration = Calibration({"diplomacy": Line(0.5, -1.25)}, {"WEAPON": Line(2.0, 0.0)})
    assert Calibration.from_config(calibration.to_config()) == calibration
    assert Calibration.from_config({}) == Calibration()
    slopes, intercepts = lines_for(["escalation", "diplomacy"], calibration.stances)
    assert (slopes.tolist(), intercepts.tolist()) == ([1.0, 0.5], [0.0, -1.25])


@pytest.mark.parametrize("lines", [[1, 2], {"diplomacy": 3}, {"diplomacy": [1]}])
def test_what_is_no_line_is_refused(lines: object) -> None:
    with pytest.raises(ValueError, match="calibration"):
        Calibration.from_config({"stance_calibration": lines})
