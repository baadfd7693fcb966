# shellcheck shell=bash
# Reaching the engine by ssh: a private sshd on the loopback interface with its own keys, configuration
# and users, and an ssh first in PATH that uses them.

listen_ssh() {
	local ssh=$dir/ssh port cgroup
	listen_unix
	have ssh || apt_install ssh openssh-client
	get_tree openssh-server
	mkdir -m 700 "$ssh" "$ssh/bin"
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$ssh/host"
	ssh-keygen -q -t ed25519 -N '' -C '' -f "$ssh/key"
	port=$(perl -MSocket -e 'socket S, PF_INET, SOCK_STREAM, 0; bind S, sockaddr_in 0, INADDR_LOOPBACK or die $!;
		print +(sockaddr_in getsockname S)[0]') || die "$variant: no free port"
	echo "$port" >"$state/port"
	printf '[127.0.0.1]:* %s\n' "$(cat "$ssh/host.pub")" >"$ssh/known_hosts" # any port: a test may put a proxy in front
	# Only root may log in, with the key.
	printf '%s\n' "$(getent passwd root)" "sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin" >"$ssh/passwd"
	printf 'root:*:::::::\nsshd:!:::::::\n' >"$ssh/shadow"
	cat >"$ssh/config" <<-CONFIG
		ListenAddress 127.0.0.1:$port
		HostKey $ssh/host
		AuthorizedKeysFile $ssh/key.pub
		PidFile none
		StrictModes no
		UsePAM no
		PasswordAuthentication no
		PermitRootLogin prohibit-password
		SetEnv PATH=$PATH
	CONFIG
	cat >"$ssh/bin/ssh" <<-SSH
		#!/bin/sh
		exec $(command -v ssh) -F /dev/null -i '$ssh/key' -o IdentitiesOnly=yes -o BatchMode=yes \\
			-o UserKnownHostsFile='$ssh/known_hosts' "\$@"
	SSH
	chmod 755 "$ssh/bin/ssh"
	cgroup=$(cgroup_mounts 'cgroup2?' | tail -n 1)/$name/sshd # stop.sh finds the processes by it
	mkdir -p "$cgroup"
	setsid unshare --mount --propagation private -- "$root/scripts/engine.d/inside" --join "$cgroup" --over "$tree" \
		--users "$ssh" --own-run -- sh -c 'mkdir /run/sshd && exec "$@"' sh /usr/sbin/sshd -D -e -f "$ssh/config" \
		</dev/null >"$state/sshd.log" 2>&1 8<&- 9<&- &
	disown
}

reach_ssh() {
	local i
	PATH=$dir/ssh/bin:$PATH
	DOCKER_HOST=ssh://root@127.0.0.1:$(<"$state/port")$dir/docker.sock
	for ((i = 0; i < 50; i++)); do
		! docker version >/dev/null 2>"$state/ssh.log" || return 0
		sleep 0.1
	done
	cat "$state/sshd.log" "$state/ssh.log" >&2
	die "the engine cannot be reached by ssh: the last messages are above"
}
