"""The shared engine against what else one would use: workloads, contenders, and ratios from alternating pairs."""
