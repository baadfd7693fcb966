# shellcheck shell=bash
# A rootless engine: dockerd runs as a new user, in a user namespace.

# make_user: creates a user for this engine, with subordinate IDs for its containers. Sets user.
make_user() {
	user=nsjoin-$(printf '%s' "$state" | sha256sum | cut -c 1-8)
	! getent passwd "$user" >/dev/null || die "user $user already exists"
	echo "$user" >"$state/user"
	locked useradd --no-create-home --home-dir "$dir/home" --shell /bin/sh "$user"
	if ! grep -q "^$user:" /etc/subuid || ! grep -q "^$user:" /etc/subgid; then
		die "$variant: useradd does not add subordinate IDs to /etc/subuid: see SUB_UID_COUNT in login.defs"
	fi
	mkdir -p "$dir/home"
	chown "$user:" "$dir/home"
}

# make_mqueue: creates /dev/mqueue, which a container with the host's IPC needs, if systemd has not.
make_mqueue() {
	if [ ! -d /dev/mqueue ] || [ -d "$common/mqueue" ]; then
		echo mqueue >"$state/mqueue"
		hold mqueue
		[ -d /dev/mqueue ] || mkdir /dev/mqueue
		echo /dev/mqueue >"$common/mqueue/made"
	fi
}

# prepare_rootless: creates the user and adds the options of the script inside.
prepare_rootless() {
	local cgroup
	make_user
	chown "$user:" "$dir"
	mkdir -m 700 "$dir/run"
	chown "$user:" "$dir/run"
	locked make_mqueue
	cgroup=$(cgroup_mounts 'cgroup2?' | tail -n 1)/$name/engine # all its processes stay there
	mkdir -p "$cgroup"
	inside+=(--join "$cgroup")
	if [ -c /dev/net/tun ]; then # for slirp4netns, which runs as this user
		mknod "$state/tun" c 10 200
		chown "$user:" "$state/tun"
		inside+=(--tun "$state/tun")
	fi
}

# The copy of /run has links to root's directories; the engine needs its own of these.
# shellcheck disable=SC2016
own_run='rm -f /run/docker /run/containerd /run/xtables.lock && exec "$@"'

# become_rootless: execs everything except rootlesskit, which ends with its child.
become_rootless() {
	local -a net=(--net=host) own=(unshare -n)
	# Later engines ask rootlesskit for its network, and do not accept none.
	[ -z "$suite" ] || net=(--net=slirp4netns --mtu=65520 --disable-host-loopback) own=()
	exec setsid unshare "${namespaces[@]}" -- "$root/scripts/engine.d/inside" "${inside[@]}" -- \
		setpriv --reuid "$user" --regid "$(id -g "$user")" --clear-groups \
		env -i "PATH=${bin:+$bin:}$PATH" "HOME=$dir/home" "XDG_RUNTIME_DIR=$dir/run" "USER=$user" \
		rootlesskit --state-dir="$dir/run/rootlesskit" "${net[@]}" --copy-up=/etc --copy-up=/run --propagation=rslave \
		"${own[@]}" sh -c "$own_run" sh dockerd --rootless --config-file "$dir/daemon.json" --host "unix://$dir/docker.sock" \
		--pidfile "$dir/docker.pid" --data-root "$dir/data" --exec-root "$dir/exec" "${options[@]}" \
		</dev/null >&2 8<&- 9<&-
}
