"""The page “Audit”: where a result is doubtful, why, and what to say instead.

Read `state` (how far looking over has come, without Qt), `page` (what the hand touches) with
`place_panels`, `energy_panels` and `cost` on it, `view` (camera and outline on the image),
`messages` (what is said), then `controller`, which ties them to the chosen image's session.
`comparing` holds the result against another one.
"""
