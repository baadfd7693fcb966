# shellcheck shell=bash
# Running the command as another caller: call_* sets as, the arguments before the command.

call_root() { as=(); }

# A user who may only use the engine's socket.
prepare_group() {
	make_user
	options+=(--group "$user")
}

call_group() {
	as=(setpriv --reuid "$user" --regid "$(id -g "$user")" --init-groups
		env "HOME=$dir/home" "USER=$user" "LOGNAME=$user")
	"${as[@]}" test -r "$PWD" -a -r "$root/scripts/engine" || die "$variant: $user cannot read $root"
}

# A container that has the engine's socket, and what the command needs from this machine: its
# programs, this directory and the environment.
call_socket() {
	local link name
	local -a options=(--rm --init --interactive --workdir "$PWD" --volume "$root:$root"
		--volume "$dir/docker.sock:/var/run/docker.sock" --volume /usr:/usr:ro)
	case $PWD/ in "$root"/*) ;; *) die "$variant: the working directory must be in $root" ;; esac
	for link in /bin /lib /lib64; do # without /sbin, where the engine puts its init
		[ ! -d $link ] || options+=(--volume "$(readlink -f $link):$link:ro")
	done
	[ ! -d /etc/alternatives ] || options+=(--volume /etc/alternatives:/etc/alternatives:ro)
	while read -r name; do
		case $name in DOCKER_* | HOME | PWD | OLDPWD | TMPDIR) ;; *) options+=(--env "$name") ;; esac
	done < <(compgen -e)
	[ ! -t 0 ] || [ ! -t 1 ] || options+=(--tty)
	as=(docker run "${options[@]}" --env HOME=/root --env DOCKER_HOST=unix:///var/run/docker.sock nsjoin-test)
}
