"""The HTML that a policymaker reads."""

from scenarios.report.background import Background, Mark, background_of
from scenarios.report.page import keep_report, render

__all__ = ["Background", "Mark", "background_of", "keep_report", "render"]
