# shellcheck shell=bash
# The variants of scripts/engine.

list() {
	cat <<-'LIST'
		default        the engine of the current context; if none answers, like private
		private        a private engine: the machine's dockerd, or its distribution's
		20-cgroup2     like private (20.10 on Debian 12), on cgroup v2
		20-userns      like private, with --userns-remap=default
		crun           like private, with crun instead of runc, on cgroup v1 only
		26             the engine of Debian 13 (26.1)
		28             the engine of Debian sid (28 or later)
		28-cgroup2     the same, on cgroup v2
		28-containerd  the same, on cgroup v2, with the containerd image store
		28-userns      the same, with --userns-remap=default as well
		rootless       like private, rootless
		rootless-28    the engine of Debian sid, rootless
		podman         the service of Podman 4.3 (Debian 12), which has the Engine API
		tcp            like private, reached by TCP
		tls            like private, reached by TCP with TLS and client certificates
		ssh            like private, reached by ssh
		group          like private; the command runs as a user who may use the socket
		socket         like private; the command runs in a container that has the socket
		policy         like private, with an authorization plugin that forbids helper containers
		cli-20         like default, called by the Docker CLI of Debian 12 (20.10), which is older than 24
		restore        like private, with --live-restore, for tests that stop or end it
		28-restore     like 28-cgroup2, with --live-restore
		swarm          like private, for a test that makes it a swarm
		audit          like private, with its own /etc/docker and /run/systemd for tests
	LIST
}

# describe VARIANT: sets the variables that define it.
# shellcheck disable=SC2034 # other files use them
describe() {
	kind=dockerd # or rootless, podman; default: the engine that answers
	suite= bin=  # the Debian suite of docker.io, if not the machine's; its directories
	packages=()  # mounted over /usr for the engine, not installed
	cgroup=      # v2: even if the machine has v1; v1: without the v2 hierarchy
	userns=no    # yes: --userns-remap
	reach=unix   # or tcp, tls, ssh: how the command reaches it
	caller=root  # or group, socket: how the command runs
	policy=no    # yes: an authorization plugin
	cli=         # the Debian suite of the Docker CLI, if not the machine's
	audit=no     # yes: own /etc/docker and /run/systemd
	options=()   # dockerd's
	local containerd_store=(--feature containerd-snapshotter=true)
	case $1 in
	default) kind=default ;;
	private | swarm) ;;
	20-cgroup2) cgroup=v2 ;;
	20-userns) userns=yes ;;
	crun)
		packages=(crun) cgroup=v1 # crun does not run if both hierarchies have controllers
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
