# SPDX-License-Identifier: Apache-2.0
"""Charges of jobs, and their attribution."""
