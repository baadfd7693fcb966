# shellcheck shell=bash
# What a run creates, and its removal: files, a cgroup with all processes of the clients, and
# containers. The run has a lock on dir, as descriptor 8.

label=io.nsjoin.clients
dir= # this run's directory; empty if there is nothing to remove

# new_state: sets dir, name and cgroup.
new_state() {
	dir=$(mktemp -d /tmp/nsjoin-clients.XXXXXX)
	exec 8<"$dir"
	flock 8
	echo "$root" >"$dir/root"
	own "$dir"
	mkdir "$cgroup"
}

# own DIR: sets dir, name and cgroup for this directory.
own() {
	dir=$1
	name=nsjoin-clients-${1##*.}
	cgroup=$(awk '{ for (i = 7; $i != "-"; i++); if ($(i + 1) == "cgroup2") print $5 }' /proc/self/mountinfo | tail -n 1)/$name
	[ "$cgroup" != "/$name" ] || die "no cgroup v2 is mounted here"
}

# sweep: removes what killed runs of this checkout left.
sweep() {
	local left
	for left in /tmp/nsjoin-clients.??????; do
		[ "$(cat "$left/root" 2>/dev/null)" = "$root" ] || continue
		exec 8<"$left"
		flock -n 8 || continue
		say "removing what an earlier run left: ${left##*/}"
		own "$left"
		remove
	done
	exec 8<&-
	dir=
}

# end_processes: ends the remaining processes of a client.
end_processes() {
	local -a pids
	local i
	for ((i = 0; i < 100; i++)); do
		mapfile -t pids < <(find "$cgroup" -name cgroup.procs -exec cat {} +)
		if [ ${#pids[@]} = 0 ]; then
			find "$cgroup" -mindepth 1 -depth -type d -exec rmdir {} +
			return
		fi
		kill -9 "${pids[@]}" 2>/dev/null || true
		sleep 0.05
	done
	say "processes stay: ${pids[*]}"
}

remove() {
	local -a ids
	[ ! -d "$cgroup" ] || { end_processes; rmdir "$cgroup" || say "cgroup $cgroup stays"; }
	mapfile -t ids < <(docker ps -aq --filter "label=$label=$name")
	[ ${#ids[@]} = 0 ] || docker rm -fv "${ids[@]}" >/dev/null || say "containers stay: ${ids[*]}"
	rm -rf --one-file-system "$dir"
}

finish() {
	local status=$?
	trap '' INT TERM HUP
	trap - EXIT
	set +e
	[ -z "$child" ] || kill "$child" 2>/dev/null
	[ -z "$dir" ] || remove
	wait 2>/dev/null
	exit "$status"
}
