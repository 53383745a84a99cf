#!/bin/bash
# A campaign of many small runs as an array of Slurm jobs, one for each group of runs that
# share an equilibration (20 in inputs/paper/map.campaign): `sbatch jobscripts/slurm_campaign.sh`.
# Runs that time has cut are gone on with when it is submitted again; then
# `sinter-tools campaign FILE --map` draws the map.
#SBATCH --array=1-20
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=1
#SBATCH --time=24:00:00
#
#SBATCH --job-name=campaign
#SBATCH --output=%x-%A-%a.out
#SBATCH --signal=B:TERM@120        # s before the end, to this script

# `exec`: the signal reaches the command, which has its runs write checkpoints.
exec sinter-tools campaign inputs/paper/map.campaign --task "$SLURM_ARRAY_TASK_ID" --jobs 1 \
    --program target/release/sinter-hpc
