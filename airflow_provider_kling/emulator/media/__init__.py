# SPDX-License-Identifier: Apache-2.0
"""Media that the emulator reads and makes."""
