"""One recipe trained several times, once for each fold or seed, and one run made of all of them."""
