"""Names of the files that a job keeps in its folder, besides its events."""

PID = "job.pid"  # the process that works, while there is one
STOP = "stop"  # exists: the process is asked to stop
LOG = "job.log"  # what libraries print
