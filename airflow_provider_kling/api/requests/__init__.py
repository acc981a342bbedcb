# SPDX-License-Identifier: Apache-2.0
"""Request models of the API, each followed by its endpoint."""
