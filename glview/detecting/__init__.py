"""Detection from the window: a child process computes, tiles of confidence arrive as they come.

choosing: which model; detector: one detection from its start to its end, by a run; found: where
another model was asked; pace: how fast it goes.
"""

from glview.detecting.detector import Detector

__all__ = ["Detector"]
