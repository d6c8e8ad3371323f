import inspect

import pytest
import torch

from simviz import ClassSet, losses
from simviz.losses.closed_form import ClosedForm

from .helpers import BUILT_IN, make

PETS = ClassSet(["cat", "dog", "car"], groups=["pet", "pet", "thing"], positions=[0, 1, 5])


@pytest.mark.parametrize(
    ("setting", "cls"),
    [
        ("ce:label_smoothing=0.1", losses.CrossEntropyLoss),
        ("simloss@order:r=0.8", losses.SimLoss),
        ("simloss:normalize=columns@groups", losses.SimLoss),  # a distance is converted
        ("expected_cost@order", losses.ExpectedCostLoss),  # and so is a similarity
        ("self_guided:lam=auto", losses.SelfGuidedEMDLoss),
        ("hxe:alpha=0.2", losses.HXELoss),
    ],
)
def test_a_setting_becomes_a_loss(setting, cls):
    loss = losses.build(setting, PETS, weight=torch.tensor([1.0, 2.0, 3.0]))
    assert type(loss) is cls
    assert loss.weight.tolist() == [1, 2, 3]
    assert losses.get(loss.name) is cls


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("simlos@words", "did you mean 'simloss'.*there are ce, simloss, emd2"),
        ("simloss", "simloss needs a similarity.*simloss@words"),
        ("ce@words", "ce takes no matrix; write ce without '@words'"),
        ("simloss:norm=columns@order", "simloss has no option 'norm'; it knows normalize, weight"),
        ("ce:reduction=sum", "'reduction' is no option of a setting"),
        ("ground_distance:lam=-1@order", "lam is -1"),
    ],
)
def test_a_bad_setting_is_refused_with_the_way_out(setting, words):
    with pytest.raises(ValueError, match=words):
        losses.build(setting, PETS)


def test_a_loss_of_one_s_own():
    class Mine(losses.ClassLoss):
        name, title = "mine", "Mine"

        def sample_loss(self, outputs, index):
            return outputs[:, 0] * index

    losses.register(Mine)
    try:
        assert losses.available() == (*BUILT_IN, "mine")
        assert losses.build("mine", PETS)(torch.ones(2, 3), torch.tensor([1, 2])) == 1.5
        assert losses.register(Mine) is Mine  # the cell run again

        class Other(Mine):
            pass

        with pytest.raises(ValueError, match="already a loss 'mine'"):
            losses.register(Other)
    finally:
        losses.unregister("mine")
    assert losses.available() == BUILT_IN


def test_what_cannot_be_registered():
    with pytest.raises(ValueError, match="not a subclass"):
        losses.register(int)
    with pytest.raises(ValueError, match="needs a name"):
        losses.register(type("Nameless", (losses.ClassLoss,), {}))
    with pytest.raises(NotImplementedError, match="neither sample_loss nor forward"):
        type("Empty", (losses.ClassLoss,), {})()(torch.zeros(1, 2), torch.tensor([0]))


def test_closed_forms_have_the_second_derivatives_of_their_formulas():
    for name in ("simloss", "emd2", "expected_cost", "ground_distance", "cdw_ce", "coral", "corn"):
        loss = make(name)
        outputs = torch.randn(2, loss.head(2, 5)(torch.zeros(1, 2)).shape[1], dtype=torch.float64)
        target = torch.tensor([0, 3])
        assert torch.autograd.gradgradcheck(lambda z, f=loss, y=target: f(z, y), outputs.requires_grad_())


def test_a_closed_form_that_declines_leaves_it_to_the_formula():
    outputs = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    square = ClosedForm(lambda z, index: z.square().sum(1), lambda factor, z, index: None)
    value = square(outputs, torch.tensor([0, 0, 0]))
    value.sum().backward()
    assert torch.equal(outputs.grad, 2 * outputs)


def numeric_options():
    for name in losses.available():
        for key, parameter in inspect.signature(losses.get(name)).parameters.items():
            if isinstance(parameter.default, int | float):
                yield name, key


@pytest.mark.parametrize(("name", "key"), numeric_options())
def test_an_option_that_is_no_number_is_named_with_its_value(name, key):
    classes = ClassSet(["cat", "dog", "truck"], positions=[0, 1, 2], groups=["animal", "animal", "vehicle"])
    matrix = "@groups" if losses.get(name).matrix else ""
    with pytest.raises(ValueError, match=rf"{key} is 'x'"):
        losses.build(f"{name}:{key}=x{matrix}", classes)
