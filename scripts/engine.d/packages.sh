# shellcheck shell=bash
# Programs that are not installed but unpacked in build/cache: another suite's
# docker.io, and packages that are put over /usr for an engine. lib.sh has the rest.

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

# get_tree PACKAGE...: those packages and what they need that is not installed. Sets tree.
get_tree() {
	local -a missing
	tree=$cache/$(IFS=+; echo "$*")
	[ ! -d "$tree" ] || return 0
	have apt-get || die "$variant needs Debian: there is no apt here"
	apt_known "$1" || die "$variant: the distribution has no package $1: apt-get update?"
	# Inst NAME [INSTALLED VERSION] (NEW VERSION ...
	mapfile -t missing < <(apt-get -s --no-install-recommends install "$@" |
		awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }')
	say "downloading ${missing[*]} (once)"
	apt_unpack "$tree" "$@" "${missing[@]}" || die "$variant: its packages can't be had"
}
