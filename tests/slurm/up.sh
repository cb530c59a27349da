#!/bin/bash
# Starts a Slurm of three virtual nodes on this machine, without systemd, for tests/slurm.rs: munged, slurmctld
# and one slurmd per node, each on its own port. Needs Debian's slurm-wlm and munge, and root; exits 77 without.
#   SLURM_STATE=DIR tests/slurm/up.sh     then   export SLURM_CONF=DIR/slurm.conf
set -euo pipefail
state=${SLURM_STATE:?set it to an empty folder}
command -v slurmctld slurmd munged sbatch >/dev/null || PATH=$PATH:/usr/sbin
for program in slurmctld slurmd munged sbatch; do
    command -v "$program" >/dev/null || { echo "$program is not installed" >&2; exit 77; }
done
[ "$(id -u)" -eq 0 ] || { echo "not root" >&2; exit 77; }
mkdir -p "$state"/controller "$state"/node{0,1,2} /run/munge /var/log/munge
chown munge: /run/munge /var/log/munge
cat > "$state/slurm.conf" <<CONF
ClusterName=candor-test
SlurmctldHost=$(hostname -s)(127.0.0.1)
SlurmctldPort=${SLURM_PORT:-17817}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
# A task that is requeued waits for as long as its credential lives, which is 120 seconds otherwise.
AuthInfo=cred_expire=20
CryptoType=crypto/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
ReturnToService=2
StateSaveLocation=$state/controller
SlurmdSpoolDir=$state/%n
SlurmctldPidFile=$state/slurmctld.pid
SlurmdPidFile=$state/slurmd-%n.pid
SlurmctldLogFile=$state/slurmctld.log
SlurmdLogFile=$state/slurmd-%n.log
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName=node[0-2] NodeHostname=$(hostname -s) NodeAddr=127.0.0.1 Port=[17820-17822] CPUs=$(nproc) RealMemory=1000 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
printf 'CgroupAutomount=no\nCgroupPlugin=cgroup/v1\nConstrainCores=no\nConstrainRAMSpace=no\n' > "$state/cgroup.conf"
if ! { [ -s /run/munge/munged.pid ] && kill -0 "$(cat /run/munge/munged.pid)" 2>/dev/null; }; then
    runuser -u munge -- "$(command -v munged)"
    cp /run/munge/munged.pid "$state/munged.pid"
fi
export SLURM_CONF=$state/slurm.conf
slurmctld -f "$SLURM_CONF" -c
for node in node0 node1 node2; do slurmd -f "$SLURM_CONF" -N "$node"; done
for _ in $(seq 100); do
    [ "$(sinfo --noheader --Node --states=idle --format=%N | wc -l)" -eq 3 ] && exit 0
    sleep 0.2
done
sinfo --Node >&2
echo "the nodes did not come up" >&2
exit 1
