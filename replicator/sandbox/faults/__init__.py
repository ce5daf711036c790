"""Faults of the sandbox: as data, set by route and by call, repeatable by their seed (docs/faults.md)."""

from .faulty import Faulty
from .kinds import CERTIFICATES, KINDS
from .log import Entry, Log
from .model import Fault, When
from .parse import data_of, fault_of_data, fault_of_text, faults_of, faults_of_file

__all__ = [
    "CERTIFICATES",
    "KINDS",
    "Entry",
    "Fault",
    "Faulty",
    "Log",
    "When",
    "data_of",
    "fault_of_data",
    "fault_of_text",
    "faults_of",
    "faults_of_file",
]
