"""The dock “Teach tissues”.

Read `dock` (the panels), `table` and `reading` (the table of images and shares), `form` (what is
learnt, and the order that follows from it), `run` (the buttons), `process` (the training in a
process of its own), `history` (figures and curves), `messages`, then `controller`, which ties
them together.
"""
