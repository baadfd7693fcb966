# shellcheck shell=bash
# State directories. What is created for an engine is recorded there beforehand, for stop.sh. A running
# scripts/engine has a lock on its directory, as descriptor 8.

engines=$root/build/engine
unique=$(printf '%s' "$root" | sha256sum | cut -c 1-8)
state= # this run's state directory; empty if there is nothing to clean up

# locked COMMAND...: runs it under a lock of this machine, as descriptor 9.
locked() {
	exec 9</run
	flock 9
	"$@"
	exec 9<&-
}

claim() { # DIR; sets claimed
	claimed=no
	{ exec 8<"$1"; } 2>/dev/null || return 0 # its run has just removed it
	if flock -n 8; then claimed=yes; else exec 8<&-; fi
}

new_state() { # VARIANT; under the lock
	mkdir -p "$engines"
	state=$(mktemp -d "$engines/$1.XXXXXX")
	chmod 711 "$state"
	claim "$state"
}

new_up_state() { # VARIANT; under the lock
	mkdir -p "$engines/$1.up"
	chmod 711 "$engines/$1.up"
	claim "$engines/$1.up"
	[ "$claimed" = yes ] || die "another up or down of $1 is running"
	state=$engines/$1.up
}

# sweep: stops and removes what a killed run left.
sweep() {
	local dir
	for dir in "$engines"/*.??????; do
		[ -d "$dir" ] || continue
		locked claim "$dir"
		[ "$claimed" = yes ] || continue
		say "removing what an earlier run left: ${dir##*/}"
		state=$dir
		stop
		state=
		exec 8<&-
	done
}

# place: creates the directory of the engine's sockets and data. Sets dir.
place() {
	local up=$state short=
	dir=$state/e
	# The longest path is exec/containerd/containerd.sock.ttrpc; the limit is 107 bytes.
	[ ${#dir} -le 65 ] || short="its path is too long for a socket"
	if [ "$variant" = podman ] && [ ${#dir} -gt 45 ]; then short="its path is too long for Podman"; fi # its exec has 50 at most
	[[ $dir =~ ^[A-Za-z0-9/._-]+$ ]] || short="its path has special characters"
	while [ "$up" != / ]; do
		[[ $(stat -c %A "$up") = *[xt] ]] || short="containers' users cannot enter $up"
		up=$(dirname "$up")
	done
	if [ -n "$short" ]; then
		dir=$(mktemp -d /tmp/nsjoin.XXXXXX)
		say "sockets and data of ${state##*/} are in $dir: $short"
	fi
	printf '%s\n' "$dir" >"$state/dir"
	mkdir -p "$dir"
	chmod 711 "$dir"
}
