# SPDX-License-Identifier: Apache-2.0
"""Programs behind the Makefile's targets."""
