#!/bin/bash
# One run of sinter-hpc in as many PBS Pro jobs as it takes: `qsub jobscripts/pbs.sh`,
# once. How to choose the numbers: README.md beside this file.
# select=NODES:ncpus=RANKS*THREADS:mpiprocs=RANKS:ompthreads=THREADS, of each node
#PBS -l select=2:ncpus=64:mpiprocs=8:ompthreads=8
#PBS -l walltime=24:00:00
#
#PBS -N sinter
#PBS -j oe
#PBS -l place=scatter:excl

input=inputs/quickstart.toml
program=target/release/sinter-hpc

cd "$PBS_O_WORKDIR" || exit 1

# PBS does not tell a job when it ends: asked for its limit, which began a moment ago.
# Its own signal, SIGTERM at the limit, leaves seconds only.
limit=$(qstat -f "$PBS_JOBID" | sed -n 's/^ *Resource_List.walltime = //p')
IFS=: read -r hours minutes seconds <<<"$limit"
if [ -n "$limit" ]; then
    export SINTER_JOB_END_TIME=$(($(date +%s) + 10#$hours * 3600 + 10#$minutes * 60 + 10#$seconds - 60))
fi

# PBS_NODEFILE has a line for each rank. Ranks that are neighbours in space lie on
# neighbouring cores, a core for each thread; memory comes from the socket of the core.
ranks=$(wc -l <"$PBS_NODEFILE")
nodes=$(sort -u "$PBS_NODEFILE" | wc -l)
threads=$OMP_NUM_THREADS
# Where this job is ended from outside, Open MPI is to leave the ranks time for a checkpoint.
export OMPI_MCA_odls_base_sigkill_timeout=5 PRTE_MCA_odls_base_sigkill_timeout=5
mpirun -n "$ranks" --hostfile "$PBS_NODEFILE" --map-by "ppr:$((ranks / nodes)):node:PE=$threads" \
    --bind-to core "$program" --threads "$threads" --resume "$input"
code=$?

# 75: stopped with a good checkpoint before it was done; so soon, something else is wrong.
# The copy of this script that PBS keeps for the job is what goes on.
if [ "$code" = 75 ] && [ "$SECONDS" -ge 10 ]; then
    qsub -W depend=afterany:"$PBS_JOBID" "$0"
fi
exit "$code"
