"""What `segment` and ``napari-vslp segment`` answer, kept to the bit while the code is rebuilt.

    python -m tests.net.golden --write

writes golden.json anew, after a change that is meant to change results.

Four things decide the last bits and are pinned here:

- the processor and the packages: golden.json says on which it was written, and elsewhere only a
  compact form is compared;
- torch's threads: one and two of them round a convolution otherwise;
- what numba remembers on disk. `audit_rows` loaded from its cache calls its own copy of
  `boundary_row`, and just compiled it calls the one compiled a moment before: the regularisation
  differs by 1e-6 nats. So each process here compiles its kernels anew;
- the cache of features, which is off.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from napari_vslp import Segmentation, segment
from napari_vslp.demo import tumour_nest

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).with_name("golden.json")
BLOCKS = 8
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
PACKAGES = ("torch", "numpy", "numba", "llvmlite", "scipy", "scikit-image", "pillow", "tifffile")
# What differs from run to run, or says only by which version the rest was written.
# The paths are a temporary folder's; the bits of the labels are compared as such.
PASSING = ("seconds", "versions", "inputs", "labels_sha256")
PASSING_TAGS = ("Software", "StripOffsets", "StripByteCounts")

# A corner of the demo in which all four tissues have their share: rows and columns.
CORNER = (slice(100, 260), slice(460, 620))
FOUR = ("tumour=26±5", "lymphocytes=36±5", "stroma=28±5", "background=10±3")
CLICKS = ("tumour:129,22", "lymphocytes:141,77", "stroma:42,141", "background:19,48")


def shared_data() -> Path:
    """Return the folder of real images, beside the repository or beside the folder of its trees."""
    nearest = [parent / "shared" / "data" for parent in (ROOT.parent, ROOT.parent.parent)]
    return next((folder for folder in nearest if folder.is_dir()), nearest[0])


def corner() -> np.ndarray:
    return tumour_nest().image[CORNER].copy()


def of_corner(**options: Any) -> Segmentation:
    return segment(corner(), FOUR, clicks=CLICKS, device="cpu", **options)


def of_file(name: str, *tissues: str, clicks: Iterable[str] = ()) -> Segmentation:
    return segment(shared_data() / name, tissues, clicks=tuple(clicks), device="cpu")


def whole_demo() -> Segmentation:
    sample = tumour_nest()
    return segment(sample.image, sample.tissues, clicks=sample.clicks, device="cpu")


def painted_region() -> Segmentation:
    painted = np.zeros((160, 160), np.uint8)
    painted[60:80, 60:90] = 3
    region, size = (10, 20, 150, 140), (0.5, 0.25)
    return of_corner(
        painted=painted,
        region=region,
        pixel_size_um=size,
        tissue_only=True,
        trust="kl",
        augmentation=False,
    )


CASES: dict[str, Callable[[], Segmentation]] = {
    "corner": of_corner,
    "corner, quadratic trust": lambda: of_corner(trust="quadratic", trust_strength=20.0),
    "corner, plain": lambda: of_corner(edges=False, colours=False),
    # With edges it would choose what is the default, too.
    "corner, smoothness auto": lambda: of_corner(smoothness="auto", edges=False),
    "corner, no clicks": lambda: segment(corner(), FOUR, device="cpu"),
    "corner, two tissues, auto": lambda: segment(
        corner(),
        ("tumour=30±5", "other=70±5"),
        clicks=("tumour:129,22", "other:42,141"),
        device="cpu",
        smoothness="auto",
    ),
    "corner, painted region": painted_region,
    "whole demo": whole_demo,
}
SHARED_CASES: dict[str, Callable[[], Segmentation]] = {
    "colon, cancer": lambda: of_file(
        "ebhi_seg/images/AC_GT2001849-1-400-004.jpg", "gland=37.9±5", "other=62.1±5"
    ),
    "colon, normal, clicked": lambda: of_file(
        "ebhi_seg/images/NORM_GTDC2100276-1-400-001.jpg",
        "gland=50.5±5",
        "other=49.5±5",
        clicks=("gland:65,66", "other:66,139"),
    ),
    "lung": lambda: of_file(
        "wsss4luad/images/test_42.png",
        "tumour=56.9±5",
        "stroma=24.1±5",
        "background=19.1±5",
        clicks=("tumour:195,128", "stroma:33,161", "background:138,199"),
    ),
}
COMMAND = (
    *(part for tissue in FOUR for part in ("--tissue", tissue)),
    *(part for click in CLICKS for part in ("--click", click)),
    *("--region", "10,20,150,140", "--pixel-size", "0.5", "--device", "cpu", "--quiet"),
)


def maps_of(result: Segmentation) -> dict[str, np.ndarray]:
    """Return what is compared of a result: the one place that knows what its fields are called."""
    return {
        "labels": result.labels,
        "confidence": result.confidence,
        "fidelity": result.fidelity_map,
        "regularisation": result.regularisation_map,
    }


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def bits_of(result: Segmentation) -> dict[str, str]:
    return {key: digest(np.ascontiguousarray(m).tobytes()) for key, m in maps_of(result).items()}


def compact(result: Segmentation) -> dict[str, Any]:
    """Return what another processor must nearly answer, too.

    The pixels of each label from 0 on, and for each tissue the mean confidence (per mille) in
    8 × 8 blocks, row by row.
    """
    maps = maps_of(result)
    confidence = [[round(1000 * float(v)) for v in blocks(one)] for one in maps["confidence"]]
    return {
        "counts": np.bincount(maps["labels"].ravel(), minlength=1 + len(confidence)).tolist(),
        "confidence": [" ".join(map(str, one)) for one in confidence],
    }


def blocks(values: np.ndarray) -> np.ndarray:
    rows, columns = (np.arange(BLOCKS + 1) * side // BLOCKS for side in values.shape)
    sums = np.add.reduceat(values.astype(np.float64), rows[:-1], axis=0)
    sums = np.add.reduceat(sums, columns[:-1], axis=1)
    return (sums / np.outer(np.diff(rows), np.diff(columns))).ravel()


def bits_of_file(path: Path) -> str:
    """Return the hash of a file; of a TIFF that of its pixels and of all tags that say something.

    Where the strips lie in a TIFF changes with the length of the version in the tag “Software”.
    """
    if path.suffix != ".tif":
        return digest(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        told = [
            {tag.name: str(tag.value) for tag in page.tags if tag.name not in PASSING_TAGS}
            for page in file.pages
        ]
        pixels = file.asarray()
    return digest(json.dumps(told, sort_keys=True).encode() + pixels.tobytes())


def lasting(summary: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in summary.items() if key not in PASSING}


def fingerprint() -> dict[str, str]:
    """Return what the last bits depend on, beside what `pinned` sets."""
    import torch
    from llvmlite import binding

    return {
        "processor": processor(),
        "torch's kernels": torch.backends.cpu.get_cpu_capability(),
        "numba's target": binding.get_host_cpu_name(),
        "numba's features": digest(binding.get_host_cpu_features().flatten().encode())[:16],
        "system": f"{platform.system()} {platform.machine()} {' '.join(platform.libc_ver())}",
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def processor() -> str:
    """Return the processor's model, since “AMD EPYC” alone can be several."""
    told = Path("/proc/cpuinfo")
    if not told.is_file():
        return platform.processor()
    lines = dict(line.split(":", 1) for line in told.read_text().splitlines()[:30] if ":" in line)
    found = {key.strip(): value.strip() for key, value in lines.items()}
    return " ".join(found.get(key, "?") for key in ("model name", "cpu family", "model"))


def answers() -> dict[str, Any]:
    """Return what this process answers to every case whose image is there."""
    there = CASES | SHARED_CASES if shared_data().is_dir() else CASES
    cases = {}
    for name, run in there.items():
        result = run()
        cases[name] = {"bits": bits_of(result), **compact(result)}
    return {"fingerprint": fingerprint(), "cases": cases}


def pinned(folder: Path) -> dict[str, str]:
    """Return the environment of a process that depends on nothing that ran before it."""
    own = {
        "NUMBA_CACHE_DIR": str(folder / "kernels"),
        "VSLP_CACHE": "off",
        "VSLP_MODELS": str(folder / "models"),
        "OMP_WAIT_POLICY": "PASSIVE",
        "HF_HUB_OFFLINE": "1",
        "PYTHONUTF8": "1",
    }
    return os.environ | ONE_THREAD | own


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=pinned(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def look(folder: Path) -> dict[str, Any]:
    """Return the answers of today's code, by processes of their own, and what the files hold."""
    picture, out, told = folder / "corner.png", folder / "out", folder / "answers.json"
    Image.fromarray(corner()).save(picture)
    command = ("segment", str(picture), "--out", str(out), *COMMAND)
    jobs = (
        start(folder / "api", "tests.net.golden", "--out", str(told)),
        start(folder / "cli", "napari_vslp.cli", *command),
    )
    said = [job.communicate()[0] for job in jobs]
    for job, words in zip(jobs, said, strict=True):
        if job.returncode != 0:
            raise RuntimeError(words)
    return json.loads(told.read_text(encoding="utf-8")) | {"cli": written(out)}


def written(out: Path) -> dict[str, Any]:
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    pictures = sorted({*out.glob("[!.]*")} - {out / "summary.json"})
    counts = np.bincount(tifffile.imread(out / "mask.tif").ravel(), minlength=len(FOUR) + 1)
    return {
        "files": {path.name: bits_of_file(path) for path in pictures},
        "summary": lasting(summary),
        "counts": counts.tolist(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Results to the bit, before and after a rebuild.")
    chosen = parser.add_mutually_exclusive_group(required=True)
    chosen.add_argument("--write", action="store_true", help="write golden.json anew")
    chosen.add_argument("--out", type=Path, help="answer in this process, into this file")
    arguments = parser.parse_args()
    if arguments.write and not shared_data().is_dir():
        parser.error(f"the shared histology data is not at {shared_data()}: its cases would go")
    if arguments.write:
        with tempfile.TemporaryDirectory() as folder:
            save(look(Path(folder)), GOLDEN)
    else:
        save(answers(), arguments.out)


def save(told: dict[str, Any], path: Path) -> None:
    text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
