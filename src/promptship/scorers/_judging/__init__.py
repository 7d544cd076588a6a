"""How judges judge: from a question to a vote, and from votes to a score.

Pure but for the model calls of `asking`: texts, votes and figures go in and come out. The scorer types that use it
stand in `promptship.scorers.judges`.
"""
