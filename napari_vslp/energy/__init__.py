"""Stage 2: the variational energy that fuses confidences and proportions into a segmentation.

Read in this order: `trust` (the proportions), `problem` (the energy), `reference` (the method as
mathematics, in torch), `kernels` (the same, fused for the CPU), `solver` (the loop), `binary`
(two tissues, every proportion at once), `hidden_blocks` (the smoothness chosen from the image),
`tdv` and `linearised` (the learned regulariser, and how it is minimised).
"""
