"""Conventions of shift tensors turn into each other."""

import numpy as np
import pytest

from spectro.model import InputError
from spectro.nmr import ShiftTensor


def test_axial_tensors_known_by_hand():
    prolate = ShiftTensor.from_principal(10.0, -20.0, 10.0)
    assert (prolate.shift_ppm, prolate.span_ppm, prolate.skew) == (0.0, 30.0, 1.0)
    assert (prolate.zeta_ppm, prolate.eta) == (-20.0, 0.0)
    oblate = ShiftTensor.from_haeberlen(5.0, 20.0, 0.0)
    assert oblate.principal_ppm == (25.0, -5.0, -5.0)
    assert (oblate.span_ppm, oblate.skew) == (30.0, -1.0)


def test_there_and_back():
    rng = np.random.default_rng(1)
    for principal in rng.uniform(-700, 700, (50, 3)):
        tensor = ShiftTensor.from_principal(*principal)
        np.testing.assert_allclose(tensor.principal_ppm, sorted(principal)[::-1], atol=1e-9)
        again = ShiftTensor.from_haeberlen(tensor.shift_ppm, tensor.zeta_ppm, tensor.eta)
        np.testing.assert_allclose(again.principal_ppm, tensor.principal_ppm, atol=1e-9)


def test_zeta_is_the_component_furthest_away():
    rng = np.random.default_rng(2)
    for principal in rng.normal(0, 100, (50, 3)):
        tensor = ShiftTensor.from_principal(*principal)
        away = principal - principal.mean()
        zz, xx, yy = away[np.argsort(-np.abs(away))]
        assert tensor.zeta_ppm == pytest.approx(zz)
        assert tensor.eta == pytest.approx((yy - xx) / zz)


def test_a_round_tensor_has_a_skew_of_0():
    assert ShiftTensor.from_principal(3.0, 3.0, 3.0) == ShiftTensor(3.0, 0.0, 0.0)


@pytest.mark.parametrize("bad", [(0.0, -1.0, 0.0), (0.0, 1.0, 1.2), (np.nan, 1.0, 0.0)])
def test_what_is_no_tensor_is_refused(bad):
    with pytest.raises(InputError, match="Expected"):
        ShiftTensor(*bad)
    with pytest.raises(InputError, match="asymmetry between 0 and 1, got 1.5"):
        ShiftTensor.from_haeberlen(0.0, 1.0, 1.5)
    with pytest.raises(InputError, match="3 principal components, got 2"):
        ShiftTensor.from_principal(1.0, 2.0)
