"""A run as pages: the HTML report and the model card."""
