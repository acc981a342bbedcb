# SPDX-License-Identifier: Apache-2.0
"""What the package adds to Airflow's own pages."""
