#!/bin/bash
# Two workers on two nodes: sbatch docs/cluster/slurm.sh --workdir=runs/tutorial
#SBATCH --job-name=tfgan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00
#SBATCH --requeue
#SBATCH --signal=TERM@120
# With GPUs: #SBATCH --gpus-per-task=1

# The strategy finds the other tasks of the step through Slurm's variables. If one is lost, srun ends
# the others, and all start again from the newest checkpoint.
for attempt in 1 2 3; do
    srun --kill-on-bad-exit=1 python -m tfgan.train --strategy=multi_worker "$@"
    status=$?
    case $status in
        0 | 2 | 143) break ;;  # done, a flag was refused, or a signal asked it to stop
    esac
    echo "attempt $attempt ended with status $status"
done
exit $status
