"""The dock that segments: its panels show the inputs of the chosen image and ask for edits.

Read `tissue_row`, `tissue_table`, `region_panel`, `advanced`, `show_panel` and `run_panel` (what
the hand touches), `solving` (jobs, Live), `showing` (pictures), `exporting` with its
`export_form`, `importing`, then `controller`, which carries edits to the session and shows it, and
`dock`, which lays all of it out.
"""
