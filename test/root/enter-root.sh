#!/bin/sh
# Runs a command in a private root made from a system tree, inside its own mount namespace:
#   unshare -m sh enter-root.sh TREE MOUNTPOINT SHARED... -- COMMAND ARG...
# TREE (a debootstrap directory, or / itself) is only read. A SHARED directory is OUTSIDE=INSIDE, or one path for both.
# The mounts end with the command, whatever ends it. The command keeps this process id.
set -eu

tree=${1%/}
root=$2
shift 2
mount -t tmpfs -o mode=0755 rig "$root"

for entry in "$tree"/*; do
  name=${entry##*/}
  if [ -L "$entry" ]; then
    cp -P "$entry" "$root/$name"
  elif [ -d "$entry" ]; then
    mkdir "$root/$name"
    case $name in
    usr | opt | var) mount --rbind -o ro "$entry" "$root/$name" ;;
    esac
  fi
done

# A copy, because of the hosts file: without a name server every look-up of the own name costs a call 5 s.
cp -a "$tree/etc/." "$root/etc/"
rm -f "$root/etc/resolv.conf"
{
  echo "127.0.0.1 localhost $(uname -n) A.ROOT-SERVERS.NET"
  echo "::1 localhost"
} >"$root/etc/hosts"

chmod 1777 "$root/tmp"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"

while [ "$1" != -- ]; do
  mkdir -p "$root${1#*=}"
  mount --bind "${1%%=*}" "$root${1#*=}"
  shift
done
shift
exec chroot "$root" "$@"
