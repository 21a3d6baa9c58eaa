"""From a table to a model: it learns, it can be stopped anywhere, and it loses nothing."""

import errno
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from napari_vslp import segment
from napari_vslp.core.errors import Cancelled, VslpError
from napari_vslp.encoders.weights import load_model
from napari_vslp.learning.cohort import read_cohort
from napari_vslp.learning.contract import Run, default_work
from napari_vslp.learning.proportions import train as train_module
from napari_vslp.learning.proportions.model import Origin
from napari_vslp.learning.proportions.train import train

from .made import (
    TINY,
    TISSUES,
    Followed,
    alike,
    job_until,
    section,
    weights,
    with_student,
    write_sections,
)

FIRST, SECOND = "Learning, round 1 of 2", "Learning, round 2 of 2"
OUTLINING = "Outlining the tissues"


def run(cohort, folder, recipe=TINY, *, job=None, origin=None, **where):
    where = Run(folder / "model.safetensors", device="cpu", **where)
    return train(cohort, where, recipe=recipe, origin=origin, job=job)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def shown(model, image):
    """Return the network's own opinion of an image, (H, W)."""
    network, card = load_model(model)
    pixels = (torch.tensor(image) / 255 - torch.tensor(card.mean)) / torch.tensor(card.std)
    with torch.inference_mode():
        logits = network(pixels.permute(2, 0, 1)[None])[0]
    return logits.argmax(dim=0).repeat_interleave(4, 0).repeat_interleave(4, 1).numpy()


@pytest.fixture(scope="module")
def unbroken(cohort, tmp_path_factory):
    """Return what TINY makes of the cohort when nothing stops it."""
    return run(cohort, tmp_path_factory.mktemp("unbroken"))


def test_a_model_learns_two_textures_from_their_shares_alone(cohort, tmp_path):
    recipe = with_student(replace(TINY, rounds=(20, 20)), batch=4)
    recipe = replace(recipe, shallow=replace(recipe.shallow, heads=2))
    job = Followed()
    done = run(cohort, tmp_path, recipe, job=job)
    right = []
    for bag in cohort.bags:
        truth = np.asarray(Image.open(bag.image.parent / "masks" / bag.mask))
        right.append((shown(done.model, np.asarray(Image.open(bag.image))) == truth).mean())
    # All of one tissue would reach a half, and as little as a tenth on the worst image.
    assert np.mean(right) > 0.9
    assert min(right) > 0.8
    image, nest = section(0.35, 90, 99)
    result = segment(
        image,
        {"stroma": "65±5", "nest": "35±5"},
        encoder=str(done.model),
        device="cpu",
        augmentation=False,
    )
    assert ((result.labels == 2) == nest).mean() > 0.85
    assert job.stages == [
        "Reading the images",
        "Reading the tissue",
        "Telling tissues apart, try 1",
        "Telling tissues apart, try 2",
        OUTLINING,
        FIRST,
        SECOND,
    ]
    assert all(0 <= report.fraction <= 1 for report in job.reports)


def test_the_model_says_what_it_was_made_from(unbroken, cohort):
    module, card = load_model(unbroken.model)
    assert card == unbroken.card
    assert card.tissues == TISSUES
    assert module.arguments == card.arguments
    assert card.microns_per_pixel is None
    assert card.figures.keys() == {"loss"}
    assert card.data == "cohort.csv: 12 images with their shares"
    assert card.provenance["bags"] == "12"
    assert card.provenance["table"] == "cohort.csv"
    assert '"rounds": [6, 4]' in card.provenance["recipe"]
    assert "lightning" in card.provenance["versions"]
    assert len(card.provenance["table hash"]) == 64
    assert names(unbroken.model.parent) == ["model.md", "model.safetensors"]
    page = unbroken.model.with_suffix(".md").read_text(encoding="utf-8")
    assert page.startswith("# A model for stroma, nest\n")
    assert "Licence: not stated" in page
    assert "found without training" not in page
    assert [(line["round"], line["step"]) for line in unbroken.curves] == [
        *((0, 2), (0, 4), (0, 6)),
        *((1, 2), (1, 4)),
    ]


def test_what_only_the_trainer_knows_stands_in_the_card(tmp_path):
    folder = tmp_path / "here"
    write_sections(folder, 3)
    image = np.full((64, 64, 3), 250, np.uint8)
    image[:, 24:] = section(0.4, 64, 9)[0][:, 24:]
    Image.fromarray(image).save(folder / "white.png")
    table = folder / "with-white.csv"
    table.write_text("image,stroma,nest,glass\n0.png,90,10,0\n2.png,10,90,0\nwhite.png,30,30,40\n")
    origin = Origin("made-up sections", "CC0", "nobody")
    recipe = replace(TINY, rounds=(2,))
    done = run(replace(read_cohort(table), microns_per_pixel=0.5), tmp_path, recipe, origin=origin)
    card = load_model(done.model)[1]
    assert (card.data, card.licence, card.attribution) == ("made-up sections", "CC0", "nobody")
    assert card.microns_per_pixel == 0.5
    assert card.tissues == TISSUES
    assert card.provenance["found without training"] == "glass"
    assert "0.5 µm/px" in done.model.with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "stops",
    [[(FIRST, 3)], [(FIRST, 1), (FIRST, 2), (FIRST, 5), (SECOND, 2), (SECOND, 3)]],
)
def test_a_stopped_training_ends_where_an_unbroken_one_does(stops, unbroken, cohort, tmp_path):
    for stage, step in stops:
        with pytest.raises(Cancelled):
            run(cohort, tmp_path, job=job_until(stage, step))
        assert names(tmp_path) == ["model.training"]
    job = Followed()
    done = run(cohort, tmp_path, job=job)
    stage, step = stops[-1]
    # The first step after the last check before the stop.
    assert job.steps(stage)[0] == 2 * ((step - 1) // 2) + 1
    assert FIRST not in job.stages or stage == FIRST
    assert not any(stage.startswith("Telling") for stage in job.stages)
    assert alike(weights(done.model), weights(unbroken.model))
    assert [c["step"] for c in done.curves] == [c["step"] for c in unbroken.curves]
    assert done.card.figures == unbroken.card.figures
    assert names(tmp_path) == ["model.md", "model.safetensors"]


def test_a_training_with_held_out_bags_ends_where_an_unbroken_one_does(tmp_path):
    cohort = read_cohort(write_sections(tmp_path / "here", 24, 32))
    recipe = with_student(replace(TINY, rounds=(6,)), patch=32, patience=2)
    whole = run(cohort, tmp_path / "here", recipe)
    only = "Learning, round 1 of 1"
    with pytest.raises(Cancelled):
        run(cohort, tmp_path, recipe, job=job_until(only, 3))
    done = run(cohort, tmp_path, recipe)
    assert alike(weights(done.model), weights(whole.model))
    assert done.card.figures == whole.card.figures
    assert done.card.figures.keys() == {"loss", "held-out loss", "held-out area error"}


def test_one_that_was_killed_between_two_rounds_goes_on_with_the_next(
    unbroken, cohort, tmp_path, monkeypatch
):
    def killed(*_):
        raise SystemError("killed")

    monkeypatch.setattr(train_module, "next_labels", killed)
    with pytest.raises(SystemError):
        run(cohort, tmp_path)
    monkeypatch.undo()
    assert "student-0.safetensors" in names(tmp_path / "model.training")
    job = Followed()
    done = run(cohort, tmp_path, job=job)
    assert FIRST not in job.stages
    assert alike(weights(done.model), weights(unbroken.model))


@pytest.mark.parametrize("stage", ["Reading the images", "Telling tissues apart, try 1"])
def test_stopped_before_the_first_step_it_begins_anew(stage, unbroken, cohort, tmp_path):
    with pytest.raises(Cancelled):
        run(cohort, tmp_path, job=job_until(stage))
    assert names(tmp_path / "model.training") == ["state.json"]
    assert alike(weights(run(cohort, tmp_path).model), weights(unbroken.model))


def test_damaged_labels_are_named_and_made_anew_once_deleted(unbroken, cohort, tmp_path):
    with pytest.raises(Cancelled):
        run(cohort, tmp_path, job=job_until(SECOND, 1))
    path = tmp_path / "model.training" / "labels-1.safetensors"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(VslpError, match=r"labels-1\.safetensors is damaged: delete it"):
        run(cohort, tmp_path)
    path.unlink()
    assert alike(weights(run(cohort, tmp_path).model), weights(unbroken.model))


def test_a_training_of_another_recipe_is_kept_until_it_is_thrown_away(cohort, tmp_path):
    with pytest.raises(Cancelled):
        run(cohort, tmp_path, job=job_until(FIRST, 3))
    other = replace(TINY, rounds=(2,), seed=5)
    with pytest.raises(VslpError, match="begun with other settings: add --restart"):
        run(cohort, tmp_path, other)
    assert "round-0.ckpt" in names(tmp_path / "model.training")
    done = run(cohort, tmp_path, other, restart=True)
    assert done.card.seed == 5
    assert [line["step"] for line in done.curves] == [2]


class FullDisk:
    """A disk that is full when a file of some name is to be put in its place for the n-th time."""

    def __init__(self, monkeypatch, name, times):
        self.left = times
        real = Path.replace

        def put(path, target):
            self.left -= Path(target).name == name
            if Path(target).name == name and self.left == 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return real(path, target)

        monkeypatch.setattr(Path, "replace", put)


@pytest.mark.parametrize(
    ("name", "times", "steps"),
    [
        ("round-0.ckpt", 2, [3, 4, 5, 6]),
        ("curves.csv", 2, [3, 4, 5, 6]),
        ("labels-0.safetensors", 1, [1, 2, 3, 4, 5, 6]),
        # Every step was done and saved: what is left is the average of the weights.
        ("student-0.safetensors", 1, []),
    ],
)
def test_a_full_disk_costs_no_more_than_one_check(
    name, times, steps, unbroken, cohort, tmp_path, monkeypatch
):
    FullDisk(monkeypatch, name, times)
    with pytest.raises(VslpError, match=r"No space left on device.*make room") as caught:
        run(cohort, tmp_path)
    assert "\n" not in str(caught.value)
    assert not [one for one in names(tmp_path / "model.training") if "partial" in one]
    monkeypatch.undo()
    job = Followed()
    done = run(cohort, tmp_path, job=job)
    assert job.steps(FIRST) == steps
    assert alike(weights(done.model), weights(unbroken.model))


def test_a_checkpoint_is_whole_when_the_disk_fills_while_it_is_written(
    cohort, tmp_path, monkeypatch
):
    from lightning.pytorch import Trainer

    save, calls = Trainer.save_checkpoint, []

    def half(self, path, *more, **options):
        calls.append(path)
        if len(calls) == 2:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, path, *more, **options)

    monkeypatch.setattr(Trainer, "save_checkpoint", half)
    with pytest.raises(VslpError, match="last good checkpoint"):
        run(cohort, tmp_path)
    work = tmp_path / "model.training"
    assert names(work) == ["curves.csv", "labels-0.safetensors", "round-0.ckpt", "state.json"]
    assert torch.load(work / "round-0.ckpt", weights_only=True)["global_step"] == 2


def test_a_model_may_be_made_in_the_folder_that_it_is_written_to(cohort, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = run(cohort, tmp_path, replace(TINY, rounds=(2,)), work=tmp_path)
    assert names(tmp_path) == ["mine.txt", "model.md", "model.safetensors"]
    assert default_work(done.model) == tmp_path / "model.training"


@pytest.mark.parametrize("name", ["model.md", "model.safetensors"])
def test_a_file_of_the_user_is_not_overwritten(cohort, tmp_path, name):
    (tmp_path / name).write_text("my notes")
    with pytest.raises(VslpError, match=re.escape(name)) as caught:
        run(cohort, tmp_path, replace(TINY, rounds=(2,)))
    assert caught.value.remedy == "name"
    assert names(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "my notes"


def test_an_earlier_model_is_replaced_with_its_page_unless_that_was_written_on(cohort, tmp_path):
    recipe = replace(TINY, rounds=(2,))
    first = run(cohort, tmp_path, recipe)
    second = run(cohort, tmp_path, replace(recipe, seed=1))
    assert second.card.seed == 1
    page = tmp_path / "model.md"
    assert "seed 1" in page.read_text(encoding="utf-8")
    with page.open("a") as file:
        file.write("Tried on case 7: good.\n")
    with pytest.raises(VslpError, match=r"model\.md.*would be overwritten"):
        run(cohort, tmp_path, recipe)
    assert "case 7" in page.read_text(encoding="utf-8")
    page.unlink()
    assert run(cohort, tmp_path, recipe).card.seed == first.card.seed


def test_masks_train_the_ceiling(cohort, tmp_path):
    asked = []

    def truth(bag):
        asked.append(bag.row)
        return np.asarray(Image.open(bag.image.parent / "masks" / bag.mask))

    job = Followed()
    recipe = with_student(replace(TINY, rounds=(20,)), batch=4)
    done = run(replace(cohort, truth=truth), tmp_path, recipe, job=job)
    assert asked == list(range(2, 14))
    assert job.stages == ["Reading the images", "Learning, round 1 of 1"]
    image, nest = section(0.4, 64, 50)
    assert (shown(done.model, image) == nest).mean() > 0.85


def test_a_second_round_may_go_on_from_the_first(cohort, tmp_path):
    recipe = replace(TINY, rounds=(2, 4), go_on=True)
    with pytest.raises(Cancelled):
        run(cohort, tmp_path, recipe, job=job_until(SECOND, 3))
    done = run(cohort, tmp_path, recipe)
    again = run(cohort, tmp_path / "again", recipe)
    anew = run(cohort, tmp_path / "anew", replace(recipe, go_on=False))
    assert alike(weights(done.model), weights(again.model))
    assert not alike(weights(done.model), weights(anew.model))


@pytest.mark.parametrize(
    ("rows", "said"),
    [("0.png,50,50\n1.png,50,50\n", "not identifiable"), ("0.png,50,50\n", "One image")],
)
def test_shares_that_teach_nothing_are_refused_before_anything_is_written(
    rows, said, table, tmp_path
):
    path = table.parent / "alike.csv"
    path.write_text("image,stroma,nest\n" + rows)
    with pytest.raises(VslpError, match=said):
        run(read_cohort(path), tmp_path)
    assert names(tmp_path) == []


def test_without_lightning_it_says_what_to_install(cohort, tmp_path, monkeypatch):
    monkeypatch.setattr(train_module, "find_spec", lambda _: None)
    with pytest.raises(VslpError, match=r"napari-vslp\[train\]"):
        run(cohort, tmp_path)
    assert names(tmp_path) == []


def test_no_device_at_all_is_refused(cohort, tmp_path):
    with pytest.raises(VslpError, match="at least one device"):
        run(cohort, tmp_path, devices=0)
