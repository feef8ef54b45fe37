"""Names of the files in a training job's folder."""

JOB = "job.json"  # what to do
START = "start.pt"  # the net to train
BEST = "weights/best.pt"
LAST = "weights/last.pt"
WORKER = "edgeyolo.train.job"  # module of the process that trains in it
