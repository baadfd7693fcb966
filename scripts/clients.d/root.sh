# shellcheck shell=bash
# The clients' programs, and the containers, which have them too.

# The packages that the clients need.
packages=(ansible ansible-core bsdutils cron emacs-nox expect git make openssh-client openssh-server parallel
	postgresql-15 postgresql-client-15 procps python3 python3-testinfra rsync sudo systemd tmux)

# private_root: sets tree to a directory with the missing packages, for the script inside to mount. The
# directory's name depends on the packages, since other machines lack others.
private_root() {
	local -a missing
	local part
	have apt-get || die "the clients are packages of the distribution, which needs apt"
	apt_known "${packages[0]}" || die "the distribution has no package ${packages[0]}: apt-get update?"
	# Inst NAME [INSTALLED VERSION] (NEW VERSION ...
	mapfile -t missing < <(apt-get -s --no-install-recommends install "${packages[@]}" |
		awk '$1 == "Inst" && $3 !~ /^\[/ { print $2 }' | sort)
	[ ${#missing[@]} -gt 0 ] || missing=(base-files) # apt_unpack needs a package
	tree=$cache/clients-$(printf '%s\n' "${missing[@]}" | sha256sum | cut -c 1-12)
	[ -d "$tree" ] || {
		say "downloading ${missing[*]} (100 MB, once)"
		apt_unpack "$tree" "${missing[@]}" || die "downloading the clients' packages failed"
	}
	for part in bin sbin lib lib64; do # links to those in /usr
		[ ! -d "$tree/$part" ] || { mkdir -p "$tree/usr/$part" && cp -a "$tree/$part/." "$tree/usr/$part" && rm -rf "${tree:?}/$part"; }
	done
}

# containers WAY: starts the two containers of a way. Their /usr is the clients', mounted by the engine
# as an overlay without an upper layer, so it is read-only. The rest is the test image's.
containers() {
	local which files=$dir/files
	if [ ! -d "$files" ]; then
		mkdir -p "$files/etc/pam.d" "$files/var/tmp"
		printf 'root ALL=(ALL) ALL\napp ALL=(ALL) NOPASSWD: ALL\n' >"$files/etc/sudoers"
		printf '%s sufficient pam_permit.so\n' auth account password session >"$files/etc/pam.d/sudo"
		chmod 440 "$files/etc/sudoers"
		chmod 1777 "$files/var/tmp"
	fi
	for which in web app; do
		docker run -d --name "$name-$1-$which" --hostname "$which" --label "$label=$name" \
			--mount "type=volume,dst=/usr,volume-driver=local,volume-opt=type=overlay,volume-opt=device=overlay,\"volume-opt=o=lowerdir=$tree/usr:/usr\"" \
			--volume /usr/lib:/lib:ro --volume /usr/lib64:/lib64:ro nsjoin-test sleep inf >/dev/null
		docker cp -q "$files/." "$name-$1-$which:/" 2>/dev/null || docker cp "$files/." "$name-$1-$which:/" >/dev/null
	done
}
