"""Trained judges as files: what they look at, what they learnt, and how they decide. Training is in `judges`."""
