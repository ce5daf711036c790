"""What the program is told: a TOML file, the environment and the command line, checked together.

model      the settings, as values
keys       how each is read, and what is expected of it
variables  what each is called in the environment
places     where one is said, and which place goes first
loader     the file, the environment and the options together
"""

from replicator.settings.alerts import Alerts, JobAlerts
from replicator.settings.keys import KEYS, months
from replicator.settings.loader import DEFAULT_FILE, examine, load, load_all
from replicator.settings.model import (
    Configuration,
    Deletes,
    Extended,
    FleetSettings,
    Job,
    Mode,
    ObjectSettings,
    Policy,
    SandboxSettings,
    Settings,
    Web,
)
from replicator.settings.sentences import refusal
from replicator.settings.variables import CONFIG_VARIABLE, CONNECTION_VARIABLE, variable

__all__ = [
    "CONFIG_VARIABLE",
    "CONNECTION_VARIABLE",
    "DEFAULT_FILE",
    "KEYS",
    "Alerts",
    "Configuration",
    "Deletes",
    "Extended",
    "FleetSettings",
    "Job",
    "JobAlerts",
    "Mode",
    "ObjectSettings",
    "Policy",
    "SandboxSettings",
    "Settings",
    "Web",
    "examine",
    "load",
    "load_all",
    "months",
    "refusal",
    "variable",
]
