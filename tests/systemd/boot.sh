#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The first process of a machine (machine.py): makes its root and becomes its
# systemd.
#
#   boot.sh HOME cgroup2|named
set -euo pipefail
home=$1 hierarchy=$2
root=$home/root

mount --make-rprivate /
mkdir -p "$home/upper" "$home/work" "$root"
mount -t overlay overlay \
	-o "lowerdir=/,upperdir=$home/upper,workdir=$home/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs -o mode=755 tmpfs "$root/dev"
for node in null zero full random urandom tty; do
	: >"$root/dev/$node"
	mount --bind "/dev/$node" "$root/dev/$node"
done
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
mount -t tmpfs tmpfs "$root/dev/shm"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
case $hierarchy in
cgroup2) mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" ;;
named)
	mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
	mkdir "$root/sys/fs/cgroup/systemd"
	mount -t cgroup -o none,name=systemd cgroup \
		"$root/sys/fs/cgroup/systemd"
	;;
esac
ip link set lo up

# Once: of this machine's own services none starts, and its units of ours, if it
# has any, do not count.
if [ ! -e "$home/prepared" ]; then
	rm -f "$root/etc/machine-id"
	echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
	rm -rf "$root"/etc/systemd/system/*.wants \
		"$root"/etc/systemd/system/mxdetour* "$root/etc/mxdetour"
	: >"$home/prepared"
fi
cd "$root"
mkdir -p old
pivot_root . old
umount -l /old
exec env -i container=test \
	PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --unit=multi-user.target --log-target=journal \
	--show-status=0
