#!/bin/sh
# Boots a Debian root with its own systemd as process 1. Run it as the first process of a pid namespace, with its own
# mount, uts, ipc and cgroup namespaces; the network is the caller's:
#   unshare --fork --pid --mount --uts --ipc --cgroup sh boot.sh ROOT SHARED...
# A SHARED directory has the same path inside. Nothing is left behind: mounts and processes end with this process.
set -eu

root=$1
shift
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"

mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=0755 run run
mount -t tmpfs -o mode=1777 tmp tmp

mount -t tmpfs -o mode=0755 dev dev
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
for device in null zero full random urandom tty; do
  : >"dev/$device"
  mount --bind "/dev/$device" "dev/$device"
done
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

for directory in "$@"; do
  mkdir -p "$root$directory"
  mount --bind "$directory" "$root$directory"
done

hostname "$(cat etc/hostname)"
mkdir -p mnt/outside
pivot_root . mnt/outside
umount --lazy /mnt/outside
# systemd finds the kind of machine in its environment: in a container it leaves the kernel alone.
exec env --ignore-environment container=bereikbaar-test PATH=/usr/sbin:/usr/bin /lib/systemd/systemd --log-target=console
