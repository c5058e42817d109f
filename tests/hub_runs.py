"""What tests of pushes know of a run: its card, and the files that a repository needs."""

CARD_FIELDS = {"intended_use": "Commands.", "limits": "English.", "consent": "Given."}
MODEL_FILES = {"config.json", "model.safetensors", "preprocessor_config.json", "chain.json", "recipe.json", "run.json",
         "README.md"}  # fmt: skip
