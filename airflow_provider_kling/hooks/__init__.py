# SPDX-License-Identifier: Apache-2.0
"""The hook, the connection and the HTTP clients."""
