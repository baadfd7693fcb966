# shellcheck shell=bash
# The variants of scripts/engine: their names, and what each is made of.

list() {
	cat <<-'LIST'
		default        the engine of the current context; where none answers, like private
		private        an engine of our own from the dockerd of the machine or its distribution
		20-cgroup2     like private (20.10 on Debian 12), on cgroup v2
		20-userns      like private, with --userns-remap=default
		crun           like private, with crun in the place of runc, on cgroup v1 alone
		26             the engine of Debian 13 (26.1)
		28             the engine of Debian sid (28 or later)
		28-cgroup2     the same, on cgroup v2
		28-containerd  the same, on cgroup v2, with the containerd image store
		28-userns      the same, with --userns-remap=default as well
		rootless       like private, of a user who is not root
		rootless-28    the engine of Debian sid, of a user who is not root
		podman         the service of Podman 4.3 (of Debian 12), which answers as an Engine does
		tcp            like private, reached by TCP
		tls            like private, reached by TCP with TLS, both sides having certificates
		ssh            like private, reached by ssh
		group          like private; the command's user is not root but may use its socket
		socket         like private; the command is in a container that has its socket
		policy         like private, with an authorization plugin that forbids helpers' containers
		cli-20         like default, called by the Docker CLI of Debian 12 (20.10), which is older than 24
		restore        like private, with --live-restore: tests stop it and end it
		28-restore     like 28-cgroup2, with --live-restore
		audit          like private, with an /etc/docker and a /run/systemd that tests write to
	LIST
}

# describe VARIANT: sets what it is made of.
# shellcheck disable=SC2034 # for the files beside this one
describe() {
	kind=dockerd # or rootless, podman; or default: the one that answers
	suite= bin=  # of Debian, for another docker.io than the machine's; its directories
	packages=()  # that are put over /usr for the engine, not installed
	cgroup=      # v2: also where the machine has v1; v1: without the v2 beside it
	userns=no    # yes: --userns-remap
	reach=unix   # or tcp, tls, ssh: how the command reaches it
	caller=root  # or group, socket: who runs the command
	policy=no    # yes: an authorization plugin
	cli=         # of Debian, whose Docker CLI replaces the machine's
	audit=no     # yes: directories of the host that tests write to
	options=()   # of dockerd
	local containerd_store=(--feature containerd-snapshotter=true)
	case $1 in
	default) kind=default ;;
	private) ;;
	20-cgroup2) cgroup=v2 ;;
	20-userns) userns=yes ;;
	crun)
		packages=(crun) cgroup=v1 # it refuses to run where both have controllers
		options=(--add-runtime crun=/usr/bin/crun --default-runtime crun)
		;;
	26) suite=trixie ;;
	28) suite=sid ;;
	28-cgroup2) suite=sid cgroup=v2 ;;
	28-containerd) suite=sid cgroup=v2 options=("${containerd_store[@]}") ;;
	28-userns) suite=sid cgroup=v2 userns=yes options=("${containerd_store[@]}") ;;
	rootless) kind=rootless packages=(rootlesskit uidmap) ;;
	rootless-28) kind=rootless suite=sid packages=(rootlesskit uidmap slirp4netns) ;;
	podman) kind=podman packages=(podman containernetworking-plugins) ;;
	tcp | tls | ssh) reach=$1 ;;
	group | socket) caller=$1 ;;
	cli-20) kind=default cli=bookworm ;;
	restore) options=(--live-restore) ;;
	28-restore) suite=sid cgroup=v2 options=(--live-restore) ;;
	policy) policy=yes ;;
	audit) audit=yes ;;
	*) die "no variant $1" ;;
	esac
	[ $userns = no ] || options+=(--userns-remap=default)
}
