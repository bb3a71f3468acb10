"""The losses, against cases worked out by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.modnet.network import Prediction
from app.training import losses


def full(value: float, *, channels: int = 1, size: tuple[int, int] = (32, 32)) -> torch.Tensor:
    return torch.full((1, channels, *size), value, dtype=torch.float64)


def halves() -> torch.Tensor:
    """Person on the left half, nothing on the right."""
    alpha = full(0)
    alpha[..., :16] = 1
    return alpha


def test_the_blur_is_the_gaussian_of_sigma_08_and_keeps_a_plain_picture() -> None:
    point = full(0, size=(5, 5))
    point[..., 2, 2] = 1
    blurred = losses.gaussian_blur(point)
    edge = float(torch.exp(torch.tensor(-1 / (2 * 0.64))))
    assert float(blurred[0, 0, 2, 2]) == pytest.approx(1 / (1 + 2 * edge) ** 2)
    assert float(blurred[0, 0, 2, 1]) == pytest.approx(edge / (1 + 2 * edge) ** 2)
    assert torch.allclose(losses.gaussian_blur(full(0.3)), full(0.3))


def test_what_s_is_to_see_is_a_sixteenth_of_the_matte() -> None:
    assert losses.semantic_target(full(0.25, size=(64, 96))).shape == (1, 1, 4, 6)


def test_the_band_lies_around_the_edge_and_nowhere_else() -> None:
    band = losses.unknown_band(halves(), 2)
    assert band[0, 0, 7].tolist() == [0.0] * 14 + [1.0] * 4 + [0.0] * 14
    assert not losses.unknown_band(full(1), 2).any()


def test_the_semantic_loss_is_half_the_square() -> None:
    seen = losses.semantic_loss(full(0.5, size=(2, 2)), full(0.9))
    assert float(seen) == pytest.approx(0.5 * 0.4**2)


def test_the_detail_loss_counts_only_the_band() -> None:
    band = losses.unknown_band(halves(), 2)  # 4 of 32 columns
    assert float(losses.detail_loss(halves() * 0.5, halves(), band)) == pytest.approx(0.5 * 2 / 32)


def test_the_matte_loss_counts_the_band_five_times_and_the_composite_beside_it() -> None:
    alpha, off = full(0.5), full(0.6)
    none, everywhere = full(0), full(1)
    grey = full(0.5, channels=3)
    assert float(losses.matte_loss(off, alpha, none, grey)) == pytest.approx(0.1 + 0.05)
    assert float(losses.matte_loss(off, alpha, everywhere, grey)) == pytest.approx(5 * 0.15)


def test_mid_grey_weighs_in_the_composite() -> None:
    """The official code's normalised picture has 0 there."""
    black = losses.matte_loss(full(0.6), full(0.5), full(0), full(0, channels=3))
    grey = losses.matte_loss(full(0.6), full(0.5), full(0), full(0.5, channels=3))
    assert float(grey) > float(black) * 1.4


def test_the_sum_has_the_official_weights() -> None:
    band = full(1)
    prediction = Prediction(full(0.5, size=(2, 2)), full(0.7), full(0.6))
    found = losses.supervised_loss(prediction, full(0.5), band, full(1, channels=3))
    assert float(found.semantic) == pytest.approx(0)
    assert float(found.detail) == pytest.approx(10 * 0.2)
    assert float(found.matte) == pytest.approx(5 * 0.2)
    assert float(found.total) == pytest.approx(3)


def test_consistency_compares_f_with_s_and_in_the_band_with_d() -> None:
    prediction = Prediction(full(0.2, size=(2, 2)), full(0.5), full(0.6))
    outside = losses.consistency_loss(prediction, full(0))
    assert float(outside) == pytest.approx(0.5 * 0.4**2)
    band = full(0)
    band[..., :3] = 1
    assert float(losses.consistency_loss(prediction, band)) == pytest.approx(0.08 + 0.1)


def test_the_regulariser_is_the_mean_inside_the_band() -> None:
    band = full(0)
    band[..., :3] = 1
    assert float(losses.detail_regulariser(full(0.5), full(0.8), band)) == pytest.approx(0.3)


def test_an_empty_band_gives_nought_and_not_a_number_that_is_none() -> None:
    detail = full(0.5).requires_grad_()
    loss = losses.detail_regulariser(detail, full(0.8), full(0))
    loss.backward()
    assert loss.item() == 0
    assert torch.isfinite(detail.grad).all()


def test_gradients_are_those_of_the_formulas() -> None:
    torch.manual_seed(0)
    shape = (1, 1, 32, 32)
    matte, detail = (torch.rand(shape, dtype=torch.float64, requires_grad=True) for _ in "ab")
    semantic = torch.rand((1, 1, 2, 2), dtype=torch.float64, requires_grad=True)
    alpha, rgb = torch.rand(shape, dtype=torch.float64), full(0.4, channels=3)
    band = losses.unknown_band(halves(), 3)

    def supervised(s: torch.Tensor, d: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
        return losses.supervised_loss(Prediction(s, d, f), alpha, band, rgb).total

    def consistent(s: torch.Tensor, d: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
        return losses.consistency_loss(Prediction(s, d, f), band)

    for function in (supervised, consistent):
        assert torch.autograd.gradcheck(
            function, (semantic, detail, matte), eps=1e-7, atol=1e-5, fast_mode=True
        )


@given(st.floats(0, 1), st.floats(0, 1))
def test_no_loss_is_negative_and_a_perfect_prediction_costs_nothing(a: float, b: float) -> None:
    band = full(1)
    wrong = Prediction(full(a, size=(2, 2)), full(a), full(a))
    assert float(losses.supervised_loss(wrong, full(b), band, full(1, channels=3)).total) >= 0
    right = Prediction(full(b, size=(2, 2)), full(b), full(b))
    perfect = losses.supervised_loss(right, full(b), band, full(1, channels=3)).total
    assert float(perfect) == pytest.approx(0, abs=1e-12)


def test_with_full_evidence_the_loss_is_the_supervised_one() -> None:
    torch.manual_seed(1)
    matte, detail, alpha = (torch.rand((2, 1, 32, 32), dtype=torch.float64) for _ in "abc")
    prediction = Prediction(torch.rand((2, 1, 2, 2), dtype=torch.float64), detail, matte)
    band, rgb = losses.unknown_band(alpha, 2), torch.rand((2, 3, 32, 32), dtype=torch.float64)
    ones = torch.ones((2, 2, 32, 32), dtype=torch.float64)
    expected = losses.supervised_loss(prediction, alpha, band, rgb)
    found = losses.evidence_loss(prediction, alpha, ones, band, rgb)
    assert torch.allclose(torch.stack(found), torch.stack(expected))


def test_without_evidence_at_the_edge_s_learns_and_f_and_d_do_not() -> None:
    semantic = full(0.5, size=(2, 2)).requires_grad_()
    matte, detail = (full(0.5).requires_grad_() for _ in "ab")
    evidence = torch.cat([full(1), full(0)], dim=1)
    prediction = Prediction(semantic, detail, matte)
    losses.evidence_loss(
        prediction, halves(), evidence, full(1), full(1, channels=3)
    ).total.backward()
    assert semantic.grad is not None
    assert semantic.grad.abs().sum() > 0
    for part in (matte, detail):
        assert part.grad is None or not part.grad.any()


def test_the_temporal_loss_counts_changes_that_the_truth_does_not_make() -> None:
    true = torch.cat([full(0.2), full(0.6), full(0.6)])
    everywhere = torch.ones_like(true)
    # A constant error is no flicker, and a change that the truth makes costs nothing.
    assert float(losses.temporal_loss(true + 0.1, true, everywhere, 3)) == pytest.approx(0)
    flickers = true.clone()
    flickers[1] += 0.3
    # Away by 0.3 and back: two changes of two, each 0.09.
    assert float(losses.temporal_loss(flickers, true, everywhere, 3)) == pytest.approx(0.09)
    assert float(losses.temporal_loss(flickers, true, 0 * everywhere, 3)) == 0
    assert float(losses.temporal_loss(flickers, true, everywhere, 1)) == 0


def test_sequences_of_a_batch_do_not_touch_each_other() -> None:
    true = torch.cat([full(0.0), full(0.0), full(1.0), full(1.0)])
    assert float(losses.temporal_loss(0 * true, true, torch.ones_like(true), 2)) == 0
