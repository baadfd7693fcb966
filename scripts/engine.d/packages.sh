# shellcheck shell=bash
# Programs that are not installed but unpacked in build/cache: another suite's
# docker.io, with an apt state of its own, and packages that are put over /usr for
# an engine. lib.sh has the rest.

# apt_options SUITE DIR: an apt state in DIR that knows only that suite, from where
# this machine's own packages are. Sets apt_options.
apt_options() {
	local suite=$1 apt=$2 source key='' keyring
	# shellcheck disable=SC2016
	source=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F '|' '$1 == "Debian" && $2 == "Debian" { print $3; exit }')
	[ -n "$source" ] || die "$variant needs Debian: this machine's packages are not from there"
	for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
		[ ! -f "$keyring" ] || key="signed-by=$keyring"
	done
	mkdir -p "$apt"/{lists,archives}/partial "$apt/parts"
	: >"$apt/status"
	printf 'deb [%s] %s %s main\n' "target=Packages $key" "$source" "$suite" >"$apt/sources.list"
	apt_options=(-o "Dir::State=$apt" -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status"
		-o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives"
		-o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=$apt/parts"
		-o "Dir::Etc::preferences=/dev/null" -o "Dir::Etc::preferencesparts=$apt/parts"
		-o APT::Sandbox::User=root)
}

# get_suite VARIANT SUITE: dockerd of that suite of Debian. Sets bin, for PATH.
get_suite() {
	local variant=$1 suite=$2 tree=$cache/$2 apt=$state/apt
	local -a apt_options
	bin=$tree/usr/sbin:$tree/usr/bin:$tree/sbin:$tree/bin
	[ ! -x "$tree/usr/sbin/dockerd" ] || return 0
	have apt-get || die "$variant needs Debian: there is no apt here"
	apt_known base-files || die "$variant: apt knows no packages: apt-get update?"
	apt_options "$suite" "$apt"
	say "downloading docker.io and containerd of Debian $suite (50 MB, once)"
	apt_quiet apt-get -q "${apt_options[@]}" update || die "$variant: the package lists of Debian $suite can't be had"
	apt_unpack "$tree" "${apt_options[@]}" docker.io containerd ||
		die "$variant: the packages of Debian $suite can't be had"
	rm -rf "$apt"
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
