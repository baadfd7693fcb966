# shellcheck shell=bash
# Another suite's docker.io, which is not installed but unpacked in build/cache. lib.sh has the
# functions for other packages.

# get_cli VARIANT SUITE: puts the Docker CLI of that Debian suite first in PATH.
get_cli() {
	local tree=$cache/cli-$2
	if [ ! -x "$tree/usr/bin/docker" ]; then
		say "downloading docker.io of Debian $2 (36 MB, once)"
		apt_unpack_suite "$2" "$tree" docker.io || die "$1: downloading the package of Debian $2 failed"
	fi
	mkdir -p "$state/bin"
	cp "$tree/usr/bin/docker" "$state/bin/docker"
	PATH=$state/bin:$PATH
	say "$1: $(docker --version)"
}

# get_suite VARIANT SUITE: gets dockerd of that Debian suite. Sets bin, for PATH.
get_suite() {
	local variant=$1 suite=$2 tree=$cache/$2
	bin=$tree/usr/sbin:$tree/usr/bin:$tree/sbin:$tree/bin
	[ ! -x "$tree/usr/sbin/dockerd" ] || return 0
	say "downloading docker.io and containerd of Debian $suite (50 MB, once)"
	apt_unpack_suite "$suite" "$tree" docker.io containerd ||
		die "$variant: downloading the packages of Debian $suite failed"
	[ -x "$tree/usr/sbin/dockerd" ] || die "$variant: no dockerd in the packages of Debian $suite"
}
