"""Pretraining: a dense network from random weights on one data set, in one process or in many, to a weights file."""
