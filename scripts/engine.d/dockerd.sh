# shellcheck shell=bash
# Starting dockerd in new namespaces.

cgroup_mounts() { # TYPE (a pattern): prints where cgroups of that type are mounted
	awk -v type="^($1)\$" '{ for (i = 7; $i != "-"; i++); if ($(i + 1) ~ type) print $5 }' /proc/self/mountinfo
}

# launch VARIANT: starts the engine as described and waits until it answers. Exports the variables
# with which the Docker CLI reaches it.
launch() {
	local name=nsjoin-$unique-${state##*/} pid start
	local -a namespaces=(--net) inside=()
	if [ -n "$suite" ]; then
		apt_install runc runc
		apt_install iptables iptables
	elif [ "$kind" != podman ]; then
		apt_install dockerd docker.io
	fi
	have docker || apt_install docker docker-cli
	place
	printf '%s\n' "$name" >"$state/cgroup"
	make_inside
	[ "$kind" = dockerd ] || prepare_"$kind"
	[ "$caller" != group ] || prepare_group
	[ "$policy" = no ] || prepare_policy
	[ "$audit" = no ] || prepare_audit
	[ ${#inside[@]} = 0 ] || namespaces+=(--mount --propagation private)
	echo '{}' >"$dir/daemon.json"
	start=$(date +%s%N)
	unset DOCKER_CONTEXT DOCKER_TLS DOCKER_TLS_VERIFY DOCKER_CERT_PATH DOCKER_API_VERSION
	export DOCKER_HOST=unix://$dir/docker.sock
	listen_"$reach"
	become_"$kind" 2>"$state/log" &
	pid=$!
	disown
	echo "$pid" >"$state/pid"
	wait_for_engine "$1"
	: >"$state/started"
	reach_"$reach"
	say "$1: Engine $(docker version --format '{{.Server.Version}}'), cgroup v$(docker info --format '{{.CgroupVersion}}')," \
		"started in $((($(date +%s%N) - start) / 1000000)) ms"
}

# prepare_audit: adds to the options of the script inside.
prepare_audit() {
	export NSJOIN_TEST_AUDIT=$dir/audit
	mkdir -p "$dir/audit/etc" "$dir/audit/run/journal"
	inside+=(--audit "$dir/audit")
}

# make_inside: sets the options of the script inside.
make_inside() {
	if [ ${#packages[@]} -gt 0 ]; then
		get_tree "${packages[@]}"
		inside+=(--over "$tree")
	fi
	# dockerd would use the running containerd.
	[ ! -e /run/containerd/containerd.sock ] || inside+=(--hide-containerd)
	if [ "$cgroup" = v1 ]; then
		inside+=(--cgroup1)
	elif [ "$cgroup" = v2 ] && [ "$(cgroup_mounts 'cgroup2?' | head -n 1)" != "$(cgroup_mounts cgroup2)" ]; then
		inside+=(--cgroup2)
		if [ -z "$(cgroup_mounts cgroup2)" ]; then
			mkdir "$dir/cgroup2" # so that the cgroups can be removed
			mount -t cgroup2 cgroup2 "$dir/cgroup2"
		fi
		# runc enables controllers in the root of cgroup v2; stop.sh disables them again.
		cp "$(cgroup_mounts cgroup2 | tail -n 1)/cgroup.subtree_control" "$state/controllers"
	fi
}

# become_dockerd: execs everything, so that the caller's $! is dockerd itself.
become_dockerd() {
	PATH=${bin:+$bin:}$PATH exec "${listen[@]}" setsid unshare "${namespaces[@]}" -- \
		"$root/scripts/engine.d/inside" "${inside[@]}" -- \
		env -u NOTIFY_SOCKET -u DOCKER_HOST -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH \
		dockerd --config-file "$dir/daemon.json" --host "unix://$dir/docker.sock" --pidfile "$dir/docker.pid" \
		--data-root "$dir/data" --exec-root "$dir/exec" --cgroup-parent "/$name" \
		--exec-opt native.cgroupdriver=cgroupfs "${options[@]}" \
		</dev/null >&2 8<&- 9<&-
}

wait_for_engine() { # VARIANT
	until docker version >/dev/null 2>&1; do
		if ! kill -0 "$pid" 2>/dev/null || [ $(($(date +%s%N) - start)) -gt 60000000000 ]; then
			tail -n 15 "$state/log" >&2
			die "engine $1 did not start: its last messages are above"
		fi
		sleep 0.1
	done
}

launch_userns() { # VARIANT; under the lock, since dockerd creates a missing user
	local new=no
	getent passwd dockremap >/dev/null || new=yes
	echo dockremap >"$state/userns"
	hold dockremap
	[ $new = no ] || echo dockremap >"$common/dockremap/made"
	launch "$1"
}
