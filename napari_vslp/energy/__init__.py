"""Stage 2: the variational energy that fuses confidences and proportions into a segmentation.

Read in this order: `penalties/` (the proportions), `problem` (the energy and its state),
`certificate` (how far a state is from the best one), `engines/` (the primal–dual steps: as
mathematics in `reference`, fused for the processor in `kernels`), `solver` (the loop), `windows`
(it goes on where the gap sits), `transport` (no boundaries: Newton's method on the prices),
`multigrid` (coarser grids), `proportion_curve` (two tissues: every proportion at once), `minimise`
(the shortest safe way through these), `rounding` (one tissue a pixel), `blindspot` (the TV weight
chosen from the image), `terms/` (what else an energy may hold, such as a learned regulariser).
`binary_batch` solves many two-tissue problems at once, for clicks by contrast.
"""
