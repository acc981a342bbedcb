# SPDX-License-Identifier: Apache-2.0
"""Handlers of the emulator's routes."""
