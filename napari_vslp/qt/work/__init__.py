"""What runs beside the window.

Read `jobs` (from inputs to a result, without Qt), `worker` (threads, notifications, turns of the
event loop) and `warmup` (loading the slow libraries without stopping the window).
"""
