"""fp32 bundle → partial int8 bundle: calibrate, find what must stay in float, check, write."""
