#!/bin/bash
# One run of sinter-hpc in as many Slurm jobs as it takes: `sbatch jobscripts/slurm.sh`,
# once. How to choose the numbers: README.md beside this file.
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=8        # ranks on each node
#SBATCH --cpus-per-task=8          # threads, hence cores, of each rank
#SBATCH --time=24:00:00            # of one job
#
#SBATCH --job-name=sinter
#SBATCH --output=%x-%j.out
#SBATCH --hint=nomultithread       # a thread on each core, not on each hardware thread
#SBATCH --signal=USR2@120          # s before the end: the ranks write a checkpoint and stop

input=inputs/quickstart.toml
program=target/release/sinter-hpc

# When the job ends, for the program; newer Slurm says it by itself.
end=$(squeue --noheader --jobs="$SLURM_JOB_ID" --format=%e)
if [ -n "$end" ]; then
    export SINTER_JOB_END_TIME=$(date --date="$end" +%s)
fi

# Ranks that are neighbours in space lie on neighbouring cores, each rank on cores of one
# socket as far as it fits, with the memory beside them.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --distribution=block:block:block \
    --cpu-bind=cores --mem-bind=local \
    "$program" --threads "$SLURM_CPUS_PER_TASK" --resume "$input"
code=$?

# 75: stopped with a good checkpoint before it was done; so soon, something else is wrong.
# The copy of this script that Slurm keeps for the job is what goes on.
if [ "$code" = 75 ] && [ "$SECONDS" -ge 10 ]; then
    sbatch --dependency="afterany:$SLURM_JOB_ID" "$0"
fi
exit "$code"
