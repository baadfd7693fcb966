# shellcheck shell=bash
# The virtual machine's root file system and kernel, from Debian's packages.

# The release is fixed, and with it the kernel (6.1) and the engine (20.10).
vm_suite=bookworm
vm_packages=systemd-sysv,dbus,docker.io,iptables,apparmor,busybox-static,bash-static,kmod,procps,iproute2

# vm_root: sets vm to a directory with root.ext4 and vmlinuz. It creates the directory unless an earlier
# run did so from the same files.
vm_root() {
	local recipe new
	recipe=$(cat "$root"/scripts/vm.d/{root.sh,kernel} "$root"/scripts/vm.d/files/* | sha256sum | cut -c 1-12)
	vm=$cache/vm-$recipe
	[ ! -f "$vm/root.ext4" ] || return 0
	get_tree mmdebstrap
	say "creating the machine's root file system from Debian $vm_suite (150 MB of downloads, once)"
	new=$(mktemp -d "$cache/new.XXXXXX")
	made+=("$new")
	fill_root "$new"
	find "$cache/" -maxdepth 1 -name 'vm-*' -exec rm -rf {} + # those of other recipes
	mv -T "$new" "$vm" 2>/dev/null || true
}

# fill_root DIR: creates the root file system and the kernel in DIR.
fill_root() {
	local dir=$1 version part
	local -a without=()
	for part in man doc locale info lintian bug; do
		without+=(--dpkgopt="path-exclude=/usr/share/$part/*")
	done
	chmod 755 "$dir"
	# It mounts in a new mount namespace.
	debian_source
	PATH=$PATH:$tree/usr/bin unshare --mount --propagation private mmdebstrap --mode=root --variant=apt --quiet \
		--include="$vm_packages" "${without[@]}" --customize-hook="$root/scripts/vm.d/kernel" \
		"$vm_suite" "$dir/root" "deb [$source_key] $source_uri $vm_suite main" >"$dir/log" 2>&1 ||
		{ tail -n 20 "$dir/log" >&2; die "creating the machine's root file system failed"; }
	mv "$dir"/root/boot/vmlinuz-* "$dir/vmlinuz"
	version=$(ls "$dir/root/lib/modules")
	chroot "$dir/root" depmod "$version"
	install -m 644 "$root"/scripts/vm.d/files/*.{service,target} "$dir/root/etc/systemd/system"
	install -m 755 "$root/scripts/vm.d/files/job" "$dir/root/usr/local/sbin/job"
	echo vm >"$dir/root/etc/hostname"
	echo 11111111111111111111111111111111 >"$dir/root/etc/machine-id" # otherwise it would be a first boot
	for part in getty@tty1.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
		fstrim.timer man-db.timer systemd-networkd.service systemd-timesyncd.service systemd-update-utmp.service; do
		ln -sf /dev/null "$dir/root/etc/systemd/system/$part"
	done
	mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$dir/root" "$dir/root.ext4" 2000M >/dev/null
	rm -rf --one-file-system "$dir/root" "$dir/log"
}
