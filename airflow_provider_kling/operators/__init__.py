# SPDX-License-Identifier: Apache-2.0
"""One operator for each endpoint."""
