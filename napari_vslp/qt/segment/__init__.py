"""The dock that segments: its panels show the inputs of the chosen image and ask for edits.

Read `tissue_row`, `tissue_table`, `region_panel`, `advanced` and `run_panel` (what the hand
touches), `solving` (jobs, Live), `exporting` with its `export_form`, then `controller`, which
carries edits to the session and shows it, and `dock`, which lays all of it out.
"""
