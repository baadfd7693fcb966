# shellcheck shell=bash
# Podman's service, which has the Engine's API. Packages that are not installed are mounted at their
# usual places in a mount namespace, since Podman starts conmon with a clean environment. Its cgroups
# are below the engine's own.

prepare_podman() {
	local mount file files=$dir/files
	for mount in $(cgroup_mounts 'cgroup2?'); do
		mkdir -p "$mount/$name/engine"
		[ ! -f "$mount/cpuset.cpus" ] || for file in cpuset.cpus cpuset.mems; do # otherwise no process can run there
			cat "$mount/$file" >"$mount/$name/$file"
			cat "$mount/$file" >"$mount/$name/engine/$file"
		done
		inside+=(--join "$mount/$name/engine")
	done
	mkdir -p "$files/etc/containers" "$files/var/lib/cni" "$dir/tmp"
	echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$files/etc/containers/policy.json"
	# Higher limits than its own need a capability that root may lack.
	cat >"$files/etc/containers/containers.conf" <<-CONF
		[containers]
		default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
		log_driver = "k8s-file"
		[engine]
		cgroup_manager = "cgroupfs"
		events_logger = "file"
		runtime = "runc"
		[network]
		network_config_dir = "$dir/networks"
	CONF
	mkdir -p "$dir/networks"
	inside+=(--own-cgroups --over "$files" --own-run)
}

become_podman() {
	cd "$dir" # conmon writes files to it
	exec setsid unshare "${namespaces[@]}" -- "$root/scripts/engine.d/inside" "${inside[@]}" -- \
		env -i "PATH=$PATH" HOME=/root podman --root "$dir/data" --runroot "$dir/exec" --tmpdir "$dir/tmp" \
		system service --time=0 "unix://$dir/docker.sock" \
		</dev/null >&2 8<&- 9<&-
}
