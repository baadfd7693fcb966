# shellcheck shell=bash
# Starting dockerd, in namespaces of its own.

cgroup_mounts() { # TYPE (a pattern): where cgroups of that type are mounted
	awk -v type="^($1)\$" '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ type) print $5 }' /proc/self/mountinfo
}

# in_namespaces CGROUP2 HIDE COMMAND...: the last steps before dockerd, in the new
# namespaces. A script of its own, so that exec keeps the pid.
# shellcheck disable=SC2016
in_namespaces='
	set -eu
	ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null || true
	# dockerd would use the containerd that is running for others.
	[ "$2" = no ] || mount -t tmpfs -o mode=711 tmpfs /run/containerd
	if [ "$1" = yes ]; then
		umount -R /sys/fs/cgroup
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
	fi
	shift 2
	exec "$@"
'

# launch VARIANT: starts what describe said and waits until it answers. Sets DOCKER_HOST.
launch() {
	local name=nsjoin-$unique-${state##*/} hide=no pid start
	local -a namespaces=(--net)
	if [ -n "$suite" ]; then
		apt_install runc runc
		apt_install iptables iptables
	else
		apt_install dockerd docker.io
	fi
	have docker || apt_install docker docker-cli
	[ "$(cgroup_mounts 'cgroup2?' | head -n 1)" != "$(cgroup_mounts cgroup2)" ] || cgroup2=no # as it is
	[ ! -e /run/containerd/containerd.sock ] || hide=yes
	if [ "$cgroup2" = yes ] || [ $hide = yes ]; then
		namespaces+=(--mount --propagation private)
	fi
	place
	if [ "$cgroup2" = yes ] && [ -z "$(cgroup_mounts cgroup2)" ]; then
		mkdir "$dir/cgroup2" # to be able to remove the cgroups
		mount -t cgroup2 cgroup2 "$dir/cgroup2"
	fi
	# runc turns controllers on in the root of a cgroup v2 that has not got them.
	[ "$cgroup2" = no ] || cp "$(cgroup_mounts cgroup2 | tail -n 1)/cgroup.subtree_control" "$state/controllers"
	printf '%s\n' "$name" >"$state/cgroup"
	echo '{}' >"$dir/daemon.json"
	start=$(date +%s%N)
	unset DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_API_VERSION
	export DOCKER_HOST=unix://$dir/docker.sock

	# All of these exec, so that $! is dockerd itself.
	PATH=${bin:+$bin:}$PATH setsid unshare "${namespaces[@]}" -- sh -c "$in_namespaces" sh "$cgroup2" $hide \
		env -u NOTIFY_SOCKET -u LISTEN_FDS -u LISTEN_PID -u DOCKER_HOST \
		dockerd --config-file "$dir/daemon.json" --host "$DOCKER_HOST" --pidfile "$dir/docker.pid" \
		--data-root "$dir/data" --exec-root "$dir/exec" --cgroup-parent "/$name" \
		--exec-opt native.cgroupdriver=cgroupfs "${options[@]}" \
		</dev/null >"$state/log" 2>&1 8<&- 9<&- &
	pid=$!
	disown
	echo "$pid" >"$state/pid"

	until docker version >/dev/null 2>&1; do
		if ! kill -0 "$pid" 2>/dev/null || [ $(($(date +%s%N) - start)) -gt 60000000000 ]; then
			tail -n 15 "$state/log" >&2
			die "the engine $1 did not start: its last messages are above"
		fi
		sleep 0.1
	done
	say "$1: Engine $(docker version --format '{{.Server.Version}}'), cgroup v$(docker info --format '{{.CgroupVersion}}')," \
		"started in $((($(date +%s%N) - start) / 1000000)) ms"
}

launch_userns() { # VARIANT; under the lock: dockerd makes the user when it is missing
	local new=no
	getent passwd dockremap >/dev/null || new=yes
	echo dockremap >"$state/userns"
	hold dockremap
	[ $new = no ] || echo dockremap >"$common/dockremap/made"
	launch "$1"
}
