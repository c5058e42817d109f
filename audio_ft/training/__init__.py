"""Behind `train.py`: from a recipe to a finished run, one stage a file.

preparation (data, cleaning, targets) > workplace (the output folder) > fitting (Trainer, told by automatic, trainer,
sampler, freeze and averaging) > finish (saving, scores, proof). briefing holds the words said before and after.
"""
