#!/usr/bin/env bash
#SBATCH --job-name=nanocorpus
#SBATCH --ntasks-per-node=1
#SBATCH --exclusive
#SBATCH --time=24:00:00
#SBATCH --output=%x-%j.log
#SBATCH --requeue
#
# sbatch --nodes=8 slurm.sh --config cc_v2.yaml --set output=/lustre/cc_v2
#
# Starts Ray on every node of the job, the run on the first, and stops both. When time runs out or a node fails, submit the
# same line again (with --requeue Slurm does so for failed nodes): it goes on where it was.
set -euo pipefail

# source /path/to/venv/bin/activate      # the same environment on every node

head="$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)"
port=$((20000 + SLURM_JOB_ID % 10000)) # two jobs may share a head node's name over time, not a port

# every job has a token of its own, so that nobody else on these nodes can give it work
export RAY_AUTH_MODE=token
RAY_AUTH_TOKEN="$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')"
export RAY_AUTH_TOKEN

# the same command on all nodes: the first starts the head and, when all have joined, the run
exec srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --kill-on-bad-exit=1 \
    ray symmetric-run --address "$head:$port" --min-nodes "$SLURM_JOB_NUM_NODES" \
    --num-cpus="${SLURM_CPUS_ON_NODE:-$(nproc)}" -- \
    nanocorpus run --set "execution.address=$head:$port" "$@"
