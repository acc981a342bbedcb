# SPDX-License-Identifier: Apache-2.0
"""Submission of exactly one job."""
