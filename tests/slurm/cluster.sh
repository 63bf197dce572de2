# Sourced by run.sh: a Slurm cluster of this one machine with two processors, its state in a folder. Needs root.

install_slurm() {
  command -v slurmctld >/dev/null && command -v slurmd >/dev/null && command -v munged >/dev/null && return
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >/dev/null && apt-get install -y -qq --no-install-recommends slurm-wlm munge >/dev/null 2>&1 ||
    { echo "apt-get cannot install slurm-wlm and munge" >&2; return 1; }
}

wait_for() {  # SECONDS COMMAND...
  local end=$((SECONDS + $1)); shift
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < end)) || return 1
    sleep 0.5
  done
}

# Ports of its own and a munge of its own: what else runs here is left alone.
start_cluster() {
  cluster=$1
  local host; host=$(hostname -s)
  mkdir -p "$cluster"/{state,spool,munge}
  chmod 755 "$cluster"
  chmod 700 "$cluster/munge"
  head -c 1024 /dev/urandom >"$cluster/munge/key"
  chmod 400 "$cluster/munge/key"
  munged --force --key-file="$cluster/munge/key" --socket="$cluster/munge.socket" --pid-file="$cluster/munge/pid" \
    --log-file="$cluster/munge/log" --seed-file="$cluster/munge/seed"
  # cred_expire: a requeued job waits that long, 120 seconds by default. OverTimeLimit: late signals kill no job.
  cat >"$cluster/slurm.conf" <<TEXT
ClusterName=defound
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=26817
SlurmdPort=26818
SlurmUser=root
AuthInfo=socket=$cluster/munge.socket,cred_expire=5
StateSaveLocation=$cluster/state
SlurmdSpoolDir=$cluster/spool
SlurmctldPidFile=$cluster/slurmctld.pid
SlurmdPidFile=$cluster/slurmd.pid
SlurmctldLogFile=$cluster/slurmctld.log
SlurmdLogFile=$cluster/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SchedulerParameters=sched_interval=3,bf_interval=3
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
MinJobAge=86400
OverTimeLimit=10
KillWait=30
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
TEXT
  export SLURM_CONF=$cluster/slurm.conf
  nice slurmctld
  nice slurmd
  wait_for 30 bash -c 'sinfo -h -o %t | grep -qx idle' ||
    { echo "the cluster does not start:" >&2; tail -n 20 "$cluster"/slurm*.log >&2; return 1; }
}

stop_cluster() {
  [ -n "${cluster:-}" ] || return 0
  local file
  scancel --user=root >/dev/null 2>&1 || true
  wait_for 40 bash -c '[ -z "$(squeue -h)" ]' || true
  for file in slurmd.pid slurmctld.pid munge/pid; do
    [ ! -s "$cluster/$file" ] || kill "$(cat "$cluster/$file")" 2>/dev/null || true
  done
  wait_for 20 bash -c "! ls '$cluster'/slurmd.pid '$cluster'/slurmctld.pid '$cluster'/munge/pid 2>/dev/null | grep -q ." || true
}
