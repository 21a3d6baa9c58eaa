"""The student: its loss, its views, its learning rate, and an encoder that is left alone."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from napari_vslp.core.progress import Job
from napari_vslp.learning.proportions import student as student_module
from napari_vslp.learning.proportions.loop import Round
from napari_vslp.learning.proportions.model import Start, start_from
from napari_vslp.learning.proportions.rounds import Hardware, RoundInputs, run_round
from napari_vslp.learning.proportions.student import Student, student_loss

from .made import TINY, TISSUES, with_student

CPU = Hardware(torch.device("cpu"))
HALF = (0.5, 0.5, 0.5)


def checkers(tissues=2, side=4):
    labels = torch.arange(side * side).reshape(1, side, side) % tissues
    return nn.functional.one_hot(labels, tissues).permute(0, 3, 1, 2).float()


def test_the_loss_is_least_at_the_labels():
    labels = checkers()
    assert student_loss(labels * 20, labels, 0.2) < student_loss(labels * 2, labels, 0.2)
    assert student_loss(labels * 2, labels, 0.2) < student_loss(-labels * 2, labels, 0.2)


def test_the_loss_without_shares_is_the_cross_entropy_of_the_known_pixels():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 6, 6, generator=generator)
    truth = torch.randint(0, 3, (2, 6, 6), generator=generator)
    labels = nn.functional.one_hot(truth, 3).permute(0, 3, 1, 2).float()
    labels[:, :, :2] = 0
    known = truth.clone()
    known[:, :2] = -1
    exact = nn.functional.cross_entropy(logits, known, ignore_index=-1)
    assert student_loss(logits, labels, 0.0) == pytest.approx(float(exact), rel=1e-5)


def test_what_is_not_known_has_no_gradient():
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    labels = checkers()
    labels[..., 2:] = 0
    student_loss(logits, labels, 0.3).backward()
    assert logits.grad[..., 2:].abs().max() == 0
    assert logits.grad[..., :2].abs().min() > 0


def test_the_bag_term_sees_shares_and_not_places():
    labels = checkers()
    moved = (labels * 3)[:, [1, 0]]
    assert student_loss(moved, labels, 1.0) == pytest.approx(
        float(student_loss(labels * 3, labels, 1.0)), rel=1e-5
    )


def test_a_patch_that_nobody_labelled_costs_nothing():
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = student_loss(logits, torch.zeros(1, 2, 4, 4), 0.2)
    loss.backward()
    assert loss == 0
    assert logits.grad.abs().max() == 0


class Small(nn.Module):
    """A network with a pre-trained stem, as the student takes it apart."""

    class Arguments:
        tissues = 3

    arguments = Arguments()

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.BatchNorm2d(4))
        self.head = nn.Conv2d(4, 3, 1)

    def forward(self, image):
        return self.head(self.stem(image))


def a_student(recipe=TINY, steps=100, network=None):
    start = Start(network or Small(), nn.Identity(), HALF, HALF, HALF, HALF, "stem.")
    return Student(start, recipe, steps, ())


@pytest.mark.parametrize("frozen", [False, True])
def test_pretrained_layers_learn_slower_or_not_at_all(frozen):
    recipe = with_student(replace(TINY, frozen=frozen), rate=0.01, stem_share=0.3, warm_up=0.1)
    learner = a_student(recipe)
    groups = learner.configure_optimizers()["optimizer"].param_groups
    assert [group["initial_lr"] for group in groups] == ([0.01] if frozen else [0.003, 0.01])
    assert [len(group["params"]) for group in groups] == ([2] if frozen else [4, 2])
    assert all(p.requires_grad != frozen for p in learner.network.stem.parameters())


def test_the_rate_rises_to_its_share_of_the_steps_and_falls_to_nothing():
    learner = a_student(with_student(TINY, rate=0.01, warm_up=0.1), steps=100)
    made = learner.configure_optimizers()
    optimiser, schedule = made["optimizer"], made["lr_scheduler"]["scheduler"]
    rates = []
    for _ in range(100):
        rates.append(optimiser.param_groups[-1]["lr"])
        optimiser.step()
        schedule.step()
    assert made["lr_scheduler"]["interval"] == "step"
    assert 5 <= rates.index(max(rates)) <= 14
    assert max(rates) == pytest.approx(0.01, rel=0.1)
    assert 0 < rates[0] < 0.2 * max(rates)
    assert rates[:9] == sorted(rates[:9])
    assert rates[14:] == sorted(rates[14:], reverse=True)
    assert 0 < rates[-1] < 1e-4 * 0.1
    halfway = rates[54] / 0.01
    assert halfway == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("seed", range(4))
def test_labels_stay_on_the_tissue_they_name_through_every_view(seed, monkeypatch):
    """Paint an image with its labels, let both be moved, and compare."""
    monkeypatch.setattr(student_module, "hed_jitter", lambda images, _: images)
    monkeypatch.setattr(Student, "global_step", seed)
    rows, columns = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    labels = ((rows // 5) * 2 + columns // 6)[None].expand(2, -1, -1) % 3
    labels = labels.clone().to(torch.int8)
    labels[:, 12:, 12:] = -1
    planes = torch.stack([labels == k for k in range(3)], dim=1)
    pixels = planes.repeat_interleave(4, 2).repeat_interleave(4, 3).to(torch.uint8) * 255
    learner = a_student()
    images, moved = learner.on_after_batch_transfer((pixels, labels), 0)
    shown = nn.functional.avg_pool2d(images * 0.5 + 0.5, 4)
    assert images.shape == (2, 3, 64, 64)
    assert not torch.allclose(moved[0], moved[1], atol=0.1)
    assert (shown - moved).abs().mean() < 0.06
    sure = moved.max(dim=1).values > 0.8
    assert sure.float().mean() > 0.3
    assert torch.equal(shown.argmax(dim=1)[sure], moved.argmax(dim=1)[sure])


def test_views_are_normalised_and_the_same_again_at_the_same_step(monkeypatch):
    pixels = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    labels = torch.zeros(2, 16, 16, dtype=torch.int8)
    learner = a_student()
    views = []
    for step in (3, 3, 4):
        monkeypatch.setattr(Student, "global_step", step)
        views.append(learner.on_after_batch_transfer((pixels, labels), 0)[0])
    assert torch.equal(views[0], views[1])
    assert not torch.allclose(views[0], views[2], atol=0.1)
    assert views[0].min() >= -1
    assert views[0].max() <= 1
    learner.train(False)
    assert learner.on_after_batch_transfer((pixels, labels), 0)[0] is pixels


def trained(bags, recipe, folder):
    start = start_from("bundled", TISSUES, 0)
    labels = [torch.zeros(16, 16, dtype=torch.int8) for _ in bags.items]
    place = Round(0, 1, 4, folder / "round.ckpt")
    run_round(RoundInputs(bags, labels, start, recipe, place, CPU, lambda _: None), Job())
    return start


def test_a_frozen_encoder_stays_as_it_is_bit_by_bit(bags, tmp_path):
    start = trained(bags, replace(TINY, frozen=True), tmp_path)
    before = start_from("bundled", TISSUES, 0).network.state_dict()
    changed = {n for n, v in start.network.state_dict().items() if not torch.equal(v, before[n])}
    assert not [name for name in changed if name.startswith("stem.")]
    assert "head.weight" in changed
    assert any("running_mean" in name for name in changed)


def test_an_encoder_that_is_not_frozen_learns(bags, tmp_path):
    start = trained(bags, TINY, tmp_path)
    before = start_from("bundled", TISSUES, 0).network.state_dict()
    changed = {n for n, v in start.network.state_dict().items() if not torch.equal(v, before[n])}
    assert {"stem.conv_stem.weight", "stem.bn1.running_mean", "head.weight"} <= changed
    assert not start.network.training
