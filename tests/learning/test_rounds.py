"""A round of training: what it runs on, who is held out, when it stops; one process or two."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.core.progress import CancelToken, Job
from napari_vslp.learning.cohort import read_cohort
from napari_vslp.learning.contract import Run
from napari_vslp.learning.proportions import rounds
from napari_vslp.learning.proportions.bags import load_bags
from napari_vslp.learning.proportions.learner import Recipe
from napari_vslp.learning.proportions.loop import Round
from napari_vslp.learning.proportions.model import start_from
from napari_vslp.learning.proportions.rounds import (
    Hardware,
    RoundInputs,
    held_out_rows,
    run_round,
)
from napari_vslp.learning.proportions.student import Student
from napari_vslp.learning.proportions.train import train

from .made import TINY, TISSUES, Followed, job_until, weights, with_student, write_sections

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """Return twenty-four small bags: enough to hold some out."""
    folder = tmp_path_factory.mktemp("many") / "here"
    return load_bags(read_cohort(write_sections(folder, 24, 32)))


def run(bags, folder, steps=4, recipe=TINY, job=None, precision="auto"):
    """Train one round on labels that are stroma above and nest below; return what it recorded."""
    size = bags.items[0].tissue.shape
    labels = [(torch.arange(size[0])[:, None] >= size[0] // 2).expand(size).to(torch.int8)]
    lines = []
    start = start_from("bundled", TISSUES, 0)
    place, hardware = Round(0, 2, steps, folder / "round-0.ckpt"), Hardware(CPU, 1, precision)
    labels = labels * len(bags.items)
    run_round(RoundInputs(bags, labels, start, recipe, place, hardware, lines.append), job or Job())
    return lines, start.network.state_dict()


def test_precision_follows_the_hardware_unless_it_is_named(monkeypatch):
    assert Hardware(CPU).chosen_precision() == "32-true"
    assert Hardware(CPU, 1, "bf16-mixed").chosen_precision() == "bf16-mixed"
    cuda = torch.device("cuda")
    for able, name in ((True, "bf16-mixed"), (False, "16-mixed")):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda able=able: able)
        assert Hardware(cuda).chosen_precision() == name


def test_bags_are_held_out_where_there_are_enough():
    assert held_out_rows(19, 0.5, 0) == []
    assert held_out_rows(100, 0.0, 0) == []
    assert len(held_out_rows(20, 0.05, 0)) == 1
    assert len(held_out_rows(20, 1e-6, 0)) == 1
    assert len(held_out_rows(100, 0.05, 0)) == 5
    assert len(held_out_rows(10_000, 0.05, 0)) == 64
    assert held_out_rows(100, 0.1, 3) == held_out_rows(100, 0.1, 3) != held_out_rows(100, 0.1, 4)
    assert held_out_rows(100, 0.1, 3) == sorted(set(held_out_rows(100, 0.1, 3)))


@pytest.mark.parametrize("rounds", [(), (0,), (300, 0), (-1,)])
def test_a_recipe_without_steps_is_refused(rounds):
    with pytest.raises(VslpError, match="raise --steps"):
        Recipe(rounds=rounds)


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_that_generators_cannot_take_is_refused(seed):
    with pytest.raises(VslpError, match="choose another"):
        Recipe(seed=seed)


def test_every_setting_of_a_recipe_changes_its_fingerprint():
    recipes = [Recipe(), Recipe(seed=1), Recipe(frozen=True), Recipe(rounds=(300,))]
    recipes += [with_student(Recipe(), zoom=(0.7, 1.5)), with_student(Recipe(), batch=8)]
    recipes += [replace(Recipe(), shallow=replace(Recipe().shallow, heads=5))]
    assert len({recipe.fingerprint() for recipe in recipes}) == len(recipes)
    assert Recipe().fingerprint() == Recipe().fingerprint()


@pytest.mark.parametrize(
    ("steps", "checks"), [(1, [1]), (2, [2]), (3, [2, 4]), (4, [2, 4]), (5, [2, 4, 6])]
)
def test_held_out_bags_are_judged_at_every_check_whatever_the_steps(many, tmp_path, steps, checks):
    job = Followed()
    lines, _ = run(many, tmp_path, steps, with_student(TINY, patch=32), job)
    assert [line["step"] for line in lines] == checks
    for line in lines:
        assert line.keys() == {"step", "loss", "held_out_loss", "area_error"}
        assert 0 <= line["area_error"] <= 1
    assert job.stages == ["Learning, round 1 of 2"]
    check, saved = job.reports[-2:]
    assert (check.kind, saved.kind) == ("check", "saved")
    assert check.fraction == saved.fraction == 1
    assert (check.round, check.rounds, check.step, check.steps) == (0, 2, checks[-1], checks[-1])
    assert check.figures["loss"] == lines[-1]["loss"]
    assert job.steps("Learning, round 1 of 2") == list(range(1, checks[-1] + 1))


def test_few_bags_all_teach_and_only_the_loss_is_known(bags, tmp_path):
    lines, _ = run(bags, tmp_path)
    assert [line.keys() for line in lines] == [{"step", "loss"}] * 2


def test_it_stops_where_the_held_out_bags_see_no_progress(many, tmp_path, monkeypatch):
    def worse(self, _, __):
        self.log("held_out_loss", float(self.global_step), batch_size=1)

    monkeypatch.setattr(Student, "validation_step", worse)
    recipe = with_student(TINY, patch=32, patience=2)
    lines, _ = run(many, tmp_path, 40, recipe)
    assert [line["step"] for line in lines] == [2, 4, 6]


def test_its_patience_is_not_renewed_by_a_pause(many, tmp_path, monkeypatch):
    def worse(self, _, __):
        self.log("held_out_loss", float(self.global_step), batch_size=1)

    monkeypatch.setattr(Student, "validation_step", worse)
    recipe = with_student(TINY, patch=32, patience=3)
    with pytest.raises(Cancelled):
        run(many, tmp_path, 40, recipe, job_until("Learning, round 1 of 2", 5))
    lines, _ = run(many, tmp_path, 40, recipe)
    assert [line["step"] for line in lines] == [6, 8]


def test_the_averaged_weights_are_kept(bags, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    _, slow = run(bags, tmp_path / "a", 6, with_student(TINY, average_decay=1.0))
    _, quick = run(bags, tmp_path / "b", 6, with_student(TINY, average_decay=0.0))
    before = start_from("bundled", TISSUES, 0).network.state_dict()

    def way(found):
        return float((found["head.weight"] - before["head.weight"]).abs().mean())

    # An average that forgets nothing stays at the first step's weights.
    assert 0 < way(slow) < 0.5 * way(quick)


def test_sixteen_bits_learn_too_and_leave_float32(bags, tmp_path):
    lines, weights = run(bags, tmp_path, precision="bf16-mixed")
    assert all(line["loss"] < 10 for line in lines)
    kinds = {value.dtype for value in weights.values()}
    assert kinds == {torch.float32, torch.int64}
    assert all(value.isfinite().all() for value in weights.values())


def test_a_checkpoint_of_another_network_is_refused(bags, tmp_path):
    run(bags, tmp_path, 2)
    path = tmp_path / "round-0.ckpt"
    saved = torch.load(path, weights_only=True)
    for part in ("state_dict", "current_model_state"):
        saved[part]["network.head.weight"] = torch.zeros(5, 64, 1, 1)
    torch.save(saved, path)
    with pytest.raises(VslpError, match="belongs to another network: add --restart"):
        run(bags, tmp_path, 4)


ONE_ROUND = replace(TINY, rounds=(4,))


@pytest.fixture(scope="module")
def eight(tmp_path_factory):
    return read_cohort(write_sections(tmp_path_factory.mktemp("two") / "here", 8, 32))


def on_two(cohort, out, job=None):
    return train(cohort, Run(out, device="cpu", devices=2), recipe=ONE_ROUND, job=job)


def test_two_processes_train_one_model(eight, tmp_path):
    both = on_two(eight, tmp_path / "two.safetensors")
    assert [line["step"] for line in both.curves] == [2.0, 4.0]
    assert both.card.machine.startswith("2 ×")
    alone = train(eight, Run(tmp_path / "one.safetensors", device="cpu"), recipe=ONE_ROUND)
    two, one = weights(both.model), weights(alone.model)
    # Each saw patches of its own, so that the two together are not one of them.
    assert any(not np.array_equal(two[name], one[name]) for name in two)
    assert all(np.isfinite(value).all() for value in two.values())


def fail(*_):
    raise ValueError("no such card")


def test_a_process_that_fails_is_a_sentence(eight, tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "_one", fail)
    with pytest.raises(VslpError, match=r"One of the devices stopped.*no such card"):
        on_two(eight, tmp_path / "m.safetensors")


def test_a_stop_ends_the_processes(eight, tmp_path):
    token = CancelToken()
    job = Job(token, lambda progress: token.cancel() if "Learning" in progress.stage else None)
    with pytest.raises(Cancelled):
        on_two(eight, tmp_path / "m.safetensors", job)
