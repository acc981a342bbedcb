# SPDX-License-Identifier: Apache-2.0
"""What jobs were charged, and for whom they were made."""
