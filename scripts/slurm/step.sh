# Sourced by the job scripts and chain.sh: finds defound and runs one of its tools as the step of a Slurm job.

say() { printf '%s: %s\n' "${SLURM_JOB_NAME:-$(basename "$0")}" "$*" >&2; }
need() {
  local name
  for name; do [ -n "${!name:-}" ] || { say "$name is not set; see the top of the script"; exit 2; }; done
}

[ ! -d "$DEFOUND/build/bin" ] || PATH=$DEFOUND/build/bin:$PATH
prefix=()
[ -z "${CONTAINER:-}" ] || prefix=(apptainer exec --nv "$CONTAINER")

# An array's task goes by its index: the number of one of the tasks is also that of the array, and would requeue all of them.
requeue() {
  local job=${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID}
  job=${job:-$SLURM_JOB_ID}
  scontrol requeue "$job" || { say "job $job cannot be requeued: submit the same command again"; return; }
  say "job $job is back in the queue"
}

# Runs a tool in all tasks of the job. 75 is "saved": the job keeps its number, so those that wait for it go on waiting.
# 138 is a SIGUSR1 that came while a tool was starting: nothing is lost either.
run_step() {
  local code=0
  say "start $((${SLURM_RESTART_COUNT:-0} + 1)) on ${SLURM_JOB_NODELIST:-this host}, $(date '+%F %T'): $*"
  # Some sites have all tasks killed when the first one leaves with a code; the others may still be writing.
  srun --kill-on-bad-exit=0 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" "${prefix[@]}" "$@" || code=$?
  case $code in
    0) ;;
    75 | 138) requeue ;;
    *) say "failed with exit code $code" ;;
  esac
  exit "$code"
}
