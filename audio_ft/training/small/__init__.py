"""Small models without a pretrained network, and the table that compares them."""
