"""The data doctor: what a data set contains, what is wrong with it, and how to fix it."""
