# shellcheck shell=bash
# One run of the virtual machine.

# boot DIR OPTIONS: runs DIR/job in the machine: see scripts/vm.
boot() {
	local disk status
	disk=$(mktemp -d)
	made+=("$disk")
	mke2fs -q -F -t ext4 -O ^has_journal -E lazy_itable_init=1 -d "$1" "$disk/job.ext4" 1000M >/dev/null
	# KVM is not used: with some /dev/kvm this guest hangs silently.
	LD_LIBRARY_PATH=$tree/usr/lib/x86_64-linux-gnu:$tree/lib/x86_64-linux-gnu nice -n 19 "$tree/usr/bin/qemu-system-x86_64" \
		-L "$tree/usr/share/qemu" -L "$tree/usr/share/seabios" \
		-accel tcg,thread=multi -cpu max -smp 2 -m 3G -nodefaults -no-user-config -no-reboot \
		-display none -serial stdio -monitor none -kernel "$vm/vmlinuz" \
		-append "root=/dev/nvme0n1 rw console=ttyS0 panic=-1 mitigations=off apparmor=1 security=apparmor
			systemd.unit=vm.target systemd.show_status=0 quiet $2" \
		-drive "if=none,id=root,file=$vm/root.ext4,format=raw,snapshot=on,cache=unsafe" \
		-device nvme,drive=root,serial=root \
		-drive "if=none,id=job,file=$disk/job.ext4,format=raw,cache=unsafe" \
		-device nvme,drive=job,serial=job </dev/null &
	qemu=$!
	status=0
	wait "$qemu" || status=$?
	qemu=
	[ $status = 0 ] || die "qemu ended with status $status"
	rm -f "$1/status"
	mkdir -p "$disk/after"
	debugfs -R "rdump / $disk/after" "$disk/job.ext4" >/dev/null 2>&1 || true
	rm -rf "$disk/after/lost+found"
	cp -a "$disk/after/." "$1"
	[ -s "$1/status" ] || die "the machine did not run its job to the end"
	return "$(cat "$1/status")"
}

finish() {
	local status=$?
	trap '' INT TERM HUP
	trap - EXIT
	set +e
	if [ -n "$qemu" ]; then
		kill -9 "$qemu" 2>/dev/null
		wait "$qemu" 2>/dev/null
	fi
	[ ${#made[@]} = 0 ] || rm -rf --one-file-system "${made[@]}"
	exit "$status"
}
