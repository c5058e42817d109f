"""From a recipe to resolved settings: defaults with their reasons, refusals, TrainingArguments."""
