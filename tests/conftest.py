"""One thread for torch in every test and every process that a test starts.

As a trial has under Ray; and threads that wait for each other on a busy machine would cost four times the processor time.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"
