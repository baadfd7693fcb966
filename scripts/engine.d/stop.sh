# shellcheck shell=bash
# Stopping an engine and removing everything that its state directory records.

ours() { # PID: succeeds if it is the dockerd of $dir, or a process that is starting it
	[ -n "$1" ] && grep -qzxF -- "$dir/data" "/proc/$1/cmdline" 2>/dev/null
}

gone() { # PID SECONDS
	local i
	for ((i = 0; i < $2 * 20; i++)); do
		ours "$1" || return 0
		sleep 0.05
	done
	return 1
}

# left: prints the PIDs of the engine's containers, shims, containerd and dockerd.
left() {
	local mount proc
	while read -r mount; do
		[ -d "$mount/$name" ] || continue
		find "$mount/$name" -name cgroup.procs -exec cat {} + 2>/dev/null || true
	done < <(cgroup_mounts 'cgroup2?') | grep -vx 0 | sort -u || true
	for proc in /proc/[0-9]*; do
		[[ $(readlink "$proc/exe") =~ containerd|dockerd ]] || continue
		! grep -qz "^$dir/" "$proc/cmdline" 2>/dev/null || echo "${proc#/proc/}"
	done
}

# restore_controllers: disables the controllers that were disabled before, unless others use them now.
restore_controllers() {
	local file controller
	file=$(cgroup_mounts cgroup2 | tail -n 1)/cgroup.subtree_control
	for controller in $(<"$file"); do
		grep -qw "$controller" "$state/controllers" || echo "-$controller" 2>/dev/null >"$file" || true
	done
}

# stop_user USER: ends the processes of the user that was created for the engine, among them a
# command that outlived its run, and removes the user.
stop_user() {
	local -a pids
	local i
	for ((i = 0; i < 50; i++)); do
		mapfile -t pids < <(getent passwd "$1" >/dev/null && ps -o pid= -U "$1")
		[ ${#pids[@]} -gt 0 ] || break
		kill -9 "${pids[@]}" 2>/dev/null || true
		sleep 0.1
	done
	locked remove_users "$1"
}

# stop: stops the engine in $state and removes everything that was created for it.
stop() {
	local dir='' pid='' name='' mount i
	export -n DOCKER_TLS_VERIFY # the socket has no TLS
	local -a pids
	dir=$(cat "$state/dir" 2>/dev/null || true)
	pid=$(cat "$state/pid" 2>/dev/null || true)
	pid=${pid:-${!:-}} # a signal came before the PID was written
	name=$(cat "$state/cgroup" 2>/dev/null || true)
	if [ -n "$dir" ] && [ -n "$name" ]; then
		if ours "$pid"; then
			# Otherwise dockerd waits 10 seconds for each container that ignores SIGTERM.
			{
				timeout 10 docker --host "unix://$dir/docker.sock" ps -aq |
					timeout 20 xargs -r docker --host "unix://$dir/docker.sock" rm -fv
			} >/dev/null 2>&1 || true
			kill "$pid" 2>/dev/null || true
			gone "$pid" 20 || kill -9 "$pid" 2>/dev/null || true
			gone "$pid" 5 || say "dockerd $pid does not end"
		elif [ -f "$state/started" ] && [[ " ${options[*]-} " != *" --live-restore "* ]]; then # tests end this one
			tail -n 15 "$state/log" >&2
			say "the engine ended by itself: its last messages are above"
		fi
		for ((i = 0; i < 50; i++)); do
			mapfile -t pids < <(left)
			[ ${#pids[@]} -gt 0 ] || break
			kill -9 "${pids[@]}" 2>/dev/null || true
			sleep 0.1
		done
		# Killed shims leave their sockets in another directory.
		while read -r mount; do
			rm -f "${mount#unix://}"
		done < <(find "$dir/exec" -type f \( -name address -o -name bootstrap.json \) \
			-exec grep -hoE 'unix:///run/containerd/s/[0-9a-f]{64}' {} + 2>/dev/null)
		while read -r mount; do
			[ -d "$mount/$name" ] || continue
			find "$mount/$name" -depth -type d -exec rmdir {} + 2>/dev/null || say "cgroup $mount/$name stays"
		done < <(cgroup_mounts 'cgroup2?')
		[ ! -f "$state/controllers" ] || restore_controllers
		while read -r mount; do
			umount "$mount" 2>/dev/null || umount -l "$mount" || say "mount $mount stays"
		done < <(awk -v dir="$dir" '$5 == dir || index($5, dir "/") == 1 { print $5 }' /proc/self/mountinfo | tac)
	fi
	[ ! -f "$state/user" ] || stop_user "$(cat "$state/user")"
	[ ! -f "$state/mqueue" ] || locked release mqueue rmdir
	[ ! -f "$state/userns" ] || locked release dockremap remove_users
	[ ! -f "$state/images" ] || locked release "$(cat "$state/images")" remove_images
	for dir in "$dir" "$state"; do
		if [ -z "$dir" ] || [ ! -d "$dir" ]; then continue; fi
		rm -rf --one-file-system "$dir" || say "$dir stays"
	done
	rmdir "$engines" 2>/dev/null || true
}

finish() {
	local status=$?
	trap '' INT TERM HUP
	trap - EXIT
	set +e
	[ -z "$state" ] || stop
	exit "$status"
}
