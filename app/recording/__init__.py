"""Recording what a live run shows: pictures and sound into files that survive a crash."""
