"""From a recipe to a finished run, a file or a folder for each stage and each way to train.

`train` calls them in turn: setup (data, cleaning, targets), run_folder, loop (the Trainer) and save_run (saving,
scores, parity check). messages.py writes the lines logged before and after.
"""
