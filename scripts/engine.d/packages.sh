# shellcheck shell=bash
# Programs that are not installed but unpacked in build/cache: another suite's
# docker.io. lib.sh has the rest, get_tree for those that are put over /usr among it.

# get_cli VARIANT SUITE: the Docker CLI of that suite of Debian, first in PATH.
get_cli() {
	local tree=$cache/cli-$2
	if [ ! -x "$tree/usr/bin/docker" ]; then
		say "downloading docker.io of Debian $2 (36 MB, once)"
		apt_unpack_suite "$2" "$tree" docker.io || die "$1: the package of Debian $2 can't be had"
	fi
	mkdir -p "$state/bin"
	cp "$tree/usr/bin/docker" "$state/bin/docker"
	PATH=$state/bin:$PATH
	say "$1: $(docker --version)"
}

# get_suite VARIANT SUITE: dockerd of that suite of Debian. Sets bin, for PATH.
get_suite() {
	local variant=$1 suite=$2 tree=$cache/$2
	bin=$tree/usr/sbin:$tree/usr/bin:$tree/sbin:$tree/bin
	[ ! -x "$tree/usr/sbin/dockerd" ] || return 0
	say "downloading docker.io and containerd of Debian $suite (50 MB, once)"
	apt_unpack_suite "$suite" "$tree" docker.io containerd ||
		die "$variant: the packages of Debian $suite can't be had"
	[ -x "$tree/usr/sbin/dockerd" ] || die "$variant: no dockerd in the packages of Debian $suite"
}
