# shellcheck shell=bash
# State directories: what was made for one engine is written there, before it is
# made, for stop.sh. Who has a lock on one, as descriptor 8, is alive.

engines=$root/build/engine
unique=$(printf '%s' "$root" | sha256sum | cut -c 1-8)
state= # the directory of this run's engine; empty while there is nothing to clean

# locked COMMAND...: one at a time on this machine, as descriptor 9.
locked() {
	exec 9</run
	flock 9
	"$@"
	exec 9<&-
}

claim() { # DIR; sets claimed
	claimed=no
	exec 8<"$1"
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
	[ "$claimed" = yes ] || die "another up or down of $1 is at work"
	state=$engines/$1.up
}

# sweep: stops and removes what a run that was killed left.
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

# place: the directory of the engine's sockets and data. Sets dir.
place() {
	local up=$state short=
	dir=$state/e
	# The longest: exec/containerd/containerd.sock.ttrpc, in at most 107 bytes.
	[ ${#dir} -le 65 ] || short="its path is too long for a socket"
	[[ $dir =~ ^[A-Za-z0-9/._-]+$ ]] || short="its path has special characters"
	while [ "$up" != / ]; do
		[[ $(stat -c %A "$up") = *[xt] ]] || short="$up can't be entered by the users of containers"
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
