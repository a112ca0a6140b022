"""One training with several seeds, or with several games: trials under equal conditions."""

from scratchgan.trials.comparing import compare
from scratchgan.trials.comparison import Comparison
from scratchgan.trials.coverage import Coverage, Protocol
from scratchgan.trials.protocol import evaluate_protocol, protocol_names

__all__ = ["Comparison", "Coverage", "Protocol", "compare", "evaluate_protocol", "protocol_names"]
