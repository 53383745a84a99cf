#!/bin/bash
# One run of sinter-hpc in as many Flux jobs as it takes: `flux batch jobscripts/flux.sh`,
# once. How to choose the numbers: README.md beside this file.
#flux: --nodes=2
# Ranks in all, threads (hence cores) of each rank, time of one job:
#flux: --nslots=16
#flux: --cores-per-slot=8
#flux: --time-limit=24h
#
#flux: --job-name=sinter
#flux: --output=sinter-{{id}}.out
#flux: --exclusive

ranks=16 threads=8   # as above
input=inputs/quickstart.toml
program=target/release/sinter-hpc

# The program is told when the job ends.
left=$(flux job timeleft)
if [[ $left =~ ^[0-9]+ ]]; then
    export SINTER_JOB_END_TIME=$(($(date +%s) + BASH_REMATCH - 60))
fi

# Ranks that are neighbours in space lie on neighbouring cores, each bound to its own; memory
# comes from the socket of the core.
flux run --nodes="$(flux getattr size)" --ntasks="$ranks" --cores-per-task="$threads" \
    -o cpu-affinity=per-task "$program" --threads "$threads" --resume "$input"
code=$?

# 75: stopped with a good checkpoint before it was done; so soon, something else is wrong.
# Inside of a job Flux starts jobs within its share of the machine; this one goes to the
# scheduler outside.
if [ "$code" = 75 ] && [ "$SECONDS" -ge 10 ]; then
    flux --parent batch "$0"
fi
exit "$code"
