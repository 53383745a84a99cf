#!/bin/bash
# One run of sinter-hpc in as many LSF jobs as it takes: `bsub < jobscripts/lsf.sh`,
# once. How to choose the numbers: README.md beside this file.
# Ranks in all, and on each node:
#BSUB -n 16
#BSUB -R "span[ptile=8]"
# Threads, hence cores, of each rank, all of one socket, with the memory beside them:
#BSUB -R "affinity[core(8,same=socket):cpubind=core:membind=localprefer:distribute=pack]"
# Hours and minutes of one job:
#BSUB -W 24:00
#
#BSUB -J sinter
#BSUB -o sinter-%J.out
#BSUB -x
# So many minutes before the end the ranks are to write a checkpoint and stop:
#BSUB -wa USR2
#BSUB -wt 5

threads=8   # as above
input=inputs/quickstart.toml
program=target/release/sinter-hpc
script=jobscripts/lsf.sh   # this file, which LSF passes on without its name

cd "$LS_SUBCWD" || exit 1

# The signal comes to this shell too, which has to outlive the ranks.
trap : USR2

# The cores of each rank come from LSF, through the launcher of an MPI that was built for it
# (Open MPI: --with-lsf).
# Where this job is ended from outside, Open MPI is to leave the ranks time for a checkpoint.
export OMPI_MCA_odls_base_sigkill_timeout=5 PRTE_MCA_odls_base_sigkill_timeout=5
mpirun -n "$LSB_DJOB_NUMPROC" "$program" --threads "$threads" --resume "$input"
code=$?

# 75: stopped with a good checkpoint before it was done; so soon, something else is wrong.
if [ "$code" = 75 ] && [ "$SECONDS" -ge 10 ]; then
    bsub -w "ended($LSB_JOBID)" <"$script"
fi
exit "$code"
