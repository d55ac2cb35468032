"""The HTML that a policymaker reads."""

from scenarios.report.background import Background, Mark, background_of
from scenarios.report.page import keep_report, render
from scenarios.report.reverse import keep_reverse_report

__all__ = ["Background", "Mark", "background_of", "keep_report", "keep_reverse_report", "render"]
