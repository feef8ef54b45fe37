"""Names of the files in a training job's folder."""

JOB = "job.json"  # what to do
START = "start.pt"  # the net to train
PID = "job.pid"  # the process that trains, while there is one
STOP = "stop"  # exists: the process is asked to stop
LOG = "train.log"  # what libraries print
BEST = "weights/best.pt"
LAST = "weights/last.pt"
