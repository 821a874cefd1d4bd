"""Measurements against the budgets; ratios within one run where possible."""
