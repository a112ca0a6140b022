"""One training with several seeds, or with several games: trials under equal conditions."""

from scratchgan.trials.coverage import Coverage, Protocol
from scratchgan.trials.protocol import evaluate_protocol, protocol_names

__all__ = ["Coverage", "Protocol", "evaluate_protocol", "protocol_names"]
