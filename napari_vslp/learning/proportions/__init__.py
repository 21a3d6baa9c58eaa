"""The learner of models from the proportions of tissues.

Read `learner` (options and recipe), `train` (the way that all trainings go), then its stages:
`bags` (images in memory), `shallow` and `labels` (stage one, area-constrained labels), `student`,
`loop` and `rounds` (stage two, with Lightning). `losses` and `views` serve both; `model` is the
network at the start and the card at the end, `work_folder` what a stopped training leaves.
"""
