#!/bin/bash
# Stops what up.sh started with the same SLURM_STATE, by process id.
state=${SLURM_STATE:?set it as for up.sh}
for file in "$state"/slurmd-*.pid "$state/slurmctld.pid" "$state/munged.pid"; do
    [ -s "$file" ] && kill "$(cat "$file")" 2>/dev/null
done
true
