# SPDX-License-Identifier: Apache-2.0
"""What the emulator accepts: its own rules, independent of the request models."""
