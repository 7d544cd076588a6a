"""Judges measured against people: labels gathered, a judge run on them, its card, its calibration, its training.

Parts come in as arguments; the judges themselves are scorers (`promptship.scorers`), their files are read by
`promptship.evalsets`, pages are written by `promptship.report`.
"""
