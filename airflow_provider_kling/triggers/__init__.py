# SPDX-License-Identifier: Apache-2.0
"""Triggers: waits in the triggerer, without a worker."""
