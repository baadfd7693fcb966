# shellcheck shell=bash
# Functions that the scripts in this directory share. It is sourced, not run. The caller sets `me`, the
# name that its messages begin with.
#
# It sets the paths `root` and `cache`, prints messages to stderr, and gets the distribution's packages,
# installed or only unpacked.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=$root/build/cache

# dockerd, runc and iptables are in sbin, which is not in every caller's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s: %s\n' "${me:?}" "$*" >&2; }
die() { say "$@"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# apt_quiet APT-COMMAND...: runs it, and prints the end of its output to stderr only if it fails. Of scripts
# that run at the same time one waits for the other, which apt does not do for its lists.
apt_quiet() {
	local out
	mkdir -p "$cache"
	out=$(DEBIAN_FRONTEND=noninteractive flock -o "$cache/apt.lock" "$@" 2>&1) || { printf '%s\n' "$out" | tail -n 15 >&2; return 1; }
}

# apt_known PACKAGE: succeeds if apt knows the package. If not, it first updates apt's lists.
apt_known() {
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1 && return
	[ "$(id -u)" = 0 ] || return 1
	say "apt-get update"
	apt_quiet apt-get -q update || return 1
	apt-cache show --no-all-versions "$1" >/dev/null 2>&1
}

# apt_install PROGRAM PACKAGE...: installs the packages if PROGRAM is missing.
apt_install() {
	local program=$1
	shift
	have "$program" && return
	have apt-get || die "$program is missing and there is no apt here: install $* by hand"
	[ "$(id -u)" = 0 ] || die "$program is missing: install $* or run this as root"
	apt_known "$1" || die "$program is missing and the distribution has no package $1"
	say "installing $* for $program"
	apt_quiet apt-get -q -y --no-install-recommends install "$@" || die "installing $* failed"
	have "$program" || die "$program is still missing after installing $*"
}

# apt_unpack DIR [-o OPTION]... PACKAGE...: downloads the packages and unpacks them in DIR, without
# installing anything. DIR is created by a rename, so it is never incomplete.
apt_unpack() {
	local dir=$1 new
	shift
	mkdir -p "$cache"
	find "$cache" -maxdepth 1 -name 'new.*' -mmin +60 -exec rm -rf {} + # left by killed runs
	new=$(mktemp -d "$cache/new.XXXXXX")
	chmod 755 "$new"
	if ! (
		cd "$new"
		apt_quiet apt-get -q -o APT::Sandbox::User=root download "$@" || exit 1
		for deb in *.deb; do dpkg -x "$deb" . && rm "$deb"; done
	); then
		rm -rf "$new"
		return 1
	fi
	# If another run has created DIR in the meantime, that copy is used.
	mv -T "$new" "$dir" 2>/dev/null || rm -rf "$new"
}

# get_tree PACKAGE...: sets tree to a directory with these packages and those of their dependencies that
# are not installed, unpacked.
get_tree() {
	local -a missing
	tree=$cache/$(IFS=+; echo "$*")
	[ ! -d "$tree" ] || return 0
	have apt-get || die "$1 is needed, and there is no apt here"
	apt_known "$1" || die "the distribution has no package $1: apt-get update?"
	# Inst NAME [INSTALLED VERSION] (NEW VERSION ...
	mapfile -t missing < <(apt-get -s --no-install-recommends install "$@" |
		awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }')
	say "downloading ${missing[*]} (once)"
	apt_unpack "$tree" "$@" "${missing[@]}" || die "the packages of $1 can't be had"
}

# debian_source: sets source_uri to the address that this machine gets Debian's packages from, and
# source_key to the signed-by option for sources.list(5).
debian_source() {
	local keyring
	have apt-get || die "Debian's packages are needed, and there is no apt here"
	apt_known base-files || die "apt knows no packages: apt-get update?"
	# shellcheck disable=SC2016
	source_uri=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' |
		awk -F '|' '$1 == "Debian" && $2 == "Debian" && !n++ { print $3 }')
	[ -n "$source_uri" ] || die "Debian's packages can't be had: this machine's are not from Debian"
	source_key=
	for keyring in /usr/share/keyrings/debian-archive-keyring.{pgp,gpg}; do
		[ ! -f "$keyring" ] || source_key="signed-by=$keyring"
	done
}

# apt_unpack_suite SUITE DIR PACKAGE...: like apt_unpack, but from another Debian suite, at source_uri. apt
# gets a state directory of its own, with this suite only.
apt_unpack_suite() {
	local suite=$1 dir=$2 apt status=0
	shift 2
	debian_source
	mkdir -p "$cache"
	apt=$(mktemp -d "$cache/new.XXXXXX") # if this run is killed, apt_unpack removes it, because of its name
	mkdir -p "$apt"/{lists,archives}/partial "$apt/parts"
	: >"$apt/status"
	printf 'deb [%s] %s %s main\n' "target=Packages $source_key" "$source_uri" "$suite" >"$apt/sources.list"
	local options=(-o "Dir::State=$apt" -o "Dir::State::lists=$apt/lists" -o "Dir::State::status=$apt/status"
		-o "Dir::Cache=$apt" -o "Dir::Cache::archives=$apt/archives"
		-o "Dir::Etc::sourcelist=$apt/sources.list" -o "Dir::Etc::sourceparts=$apt/parts"
		-o "Dir::Etc::preferences=/dev/null" -o "Dir::Etc::preferencesparts=$apt/parts"
		-o APT::Sandbox::User=root)
	{ apt_quiet apt-get -q "${options[@]}" update && apt_unpack "$dir" "${options[@]}" "$@"; } || status=1
	rm -rf "$apt"
	return "$status"
}

# go_program PACKAGE VERSION: builds a Go program of that version into build/bin, once for each version of Go.
go_program() {
	local bin=$root/build/bin/${1##*/} have
	mkdir -p "$root/build/bin"
	(
		flock 9
		have=$(go version -m "$bin" 2>/dev/null) || have=
		[[ $have != *": $(go env GOVERSION)"*"$1"*"$2"* ]] || exit 0
		say "building ${1##*/} $2 (once)"
		CGO_ENABLED=0 GOOS='' GOARCH='' GOBIN=$root/build/bin go install "$1@$2"
	) 9>"$bin.lock"
}
