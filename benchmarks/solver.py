"""Time the solver against its peers on the same work, in one run, and print one table.

    pip install -e '.[bench]' && python benchmarks/solver.py [--quick]

Every ratio is of medians measured in turn in this one process; absolute times are of this
machine and this hour only. About five minutes, one with --quick.
"""

from __future__ import annotations

import os

# Before torch starts its threads: passive, as the docs advise for small machines.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import time

import solver_curves
import solver_peers


def main() -> None:
    """Run every comparison, the small sizes alone if asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes only, about a minute")
    quick = parser.parse_args().quick
    began, load = time.perf_counter(), os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before the start")
    solver_peers.torch_iterations(quick)
    solver_peers.graph_cuts([256, 512] if quick else [256, 512, 1024, 2048])
    solver_peers.expansion([256] if quick else [256, 512])
    solver_peers.transport(quick)
    solver_peers.other_models()
    solver_curves.bandwidth([256, 512] if quick else [256, 512, 1024, 2048])
    solver_curves.threads()
    solver_curves.pixels([256, 512, 1024] if quick else [256, 512, 1024, 2048, 4096])
    solver_curves.tissues_and_smoothness()
    solver_curves.sliders([512, 1024] if quick else [512, 1024, 2048])
    solver_curves.memory()
    solver_curves.gpu()
    print(f"\n{time.perf_counter() - began:.0f} s in all, load {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
