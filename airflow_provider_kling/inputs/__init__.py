# SPDX-License-Identifier: Apache-2.0
"""Read, check and encode input files for the API."""
