# shellcheck shell=bash
# The variants of scripts/engine: their names, and what each is made of.

list() {
	cat <<-'LIST'
		default      the engine of the current context; where none answers, like private
		private      an engine of our own from the dockerd of the machine or its distribution
		28-cgroup2   the engine of Debian sid (28 or later), on cgroup v2
		28-userns    the same, with --userns-remap=default and the containerd image store
		20-userns    like private (20.10 on Debian 12), with --userns-remap=default
	LIST
}

# describe VARIANT: sets what it is made of.
# shellcheck disable=SC2034 # for the files beside this one
describe() {
	kind=dockerd # or default: the one that answers
	suite= bin=  # of Debian, for another docker.io than the machine's; its directories
	cgroup2=no   # yes: cgroup v2, also where the machine has v1
	userns=no    # yes: --userns-remap
	options=()   # of dockerd
	case $1 in
	default) kind=default ;;
	private) ;;
	28-cgroup2) suite=sid cgroup2=yes ;;
	28-userns)
		suite=sid cgroup2=yes userns=yes
		options=(--feature containerd-snapshotter=true)
		;;
	20-userns) userns=yes ;;
	*) die "no variant $1" ;;
	esac
	[ $userns = no ] || options+=(--userns-remap=default)
}
