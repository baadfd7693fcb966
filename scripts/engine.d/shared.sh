# shellcheck shell=bash
# What several runs share: the images on an engine, the user dockremap, /dev/mqueue. $common/KEY/made
# lists what we created, $common/KEY/holder.* the runs that need it; the last run removes it. All of
# this runs under the lock of state.sh.

if [ "$(id -u)" = 0 ]; then common=/run/nsjoin-test; else common=/tmp/nsjoin-test-$(id -u); fi

hold() { # KEY
	[ -d "$common" ] || mkdir -m 700 "$common"
	[ -O "$common" ] || die "$common belongs to another user"
	mkdir -p "$common/$1"
	printf '%s\n' "$state" >"$common/$1/holder.$unique-${state##*/}"
}

# leave KEY: removes this run's name; succeeds if no other run needs it.
leave() {
	local dir=$common/$1 holder
	rm -f "$dir/holder.$unique-${state##*/}"
	for holder in "$dir"/holder.*; do
		[ -f "$holder" ] || continue
		[ ! -d "$(cat "$holder")" ] || return 1
		rm -f "$holder" # its build directory is gone
	done
}

release() { # KEY REMOVE-COMMAND
	local key=$1 dir=$common/$1 made
	[ -d "$dir" ] || return 0
	leave "$1" || return 0
	if [ -s "$dir/made" ]; then
		mapfile -t made < <(sort -u "$dir/made")
		"$2" "${made[@]}" || return 0 # the next run tries again
	fi
	rm -rf "$dir"
	rmdir "$common" 2>/dev/null || true
}

# helper_images: prints the images that docker nsjoin has loaded.
helper_images() { docker images --format '{{.Repository}}:{{.Tag}}' docker-nsjoin/helper | sort; }

# remove_images IMAGE...: removes these, the helper's images that were loaded since borrow, and the containers
# of tests that were killed or ran out of time: no other run is left whose they could be.
remove_images() {
	local image status=0 loaded containers
	mapfile -t containers < <(docker ps -aq --filter label=io.nsjoin.test)
	[ ${#containers[@]} = 0 ] || docker rm -f -v "${containers[@]}" >/dev/null || status=1
	mapfile -t loaded < <(helper_images | comm -23 - "$common/$key/helpers")
	for image in "$@" "${loaded[@]}"; do
		docker image inspect "$image" >/dev/null 2>&1 || continue
		docker rmi "$image" >/dev/null || status=1
	done
	[ $status = 0 ] || say "a test image is in use and stays until a later run"
	return $status
}

remove_users() {
	local user
	for user; do
		getent passwd "$user" >/dev/null || continue
		userdel "$user" 2>/dev/null || say "user $user stays"
		! getent group "$user" >/dev/null || groupdel "$user" || say "group $user stays"
		sed -i "/^$user:/d" /etc/subuid /etc/subgid
	done
}

# borrow: uses the engine that answers, unless another checkout has created test images on it.
# Writes $state/images.
borrow() {
	local key
	# Two engines of one machine can share the file with the ID.
	key=images-$(docker info --format '{{.ID}} {{.DockerRootDir}}' | sha256sum | cut -c 1-16)
	if [ -d "$common/$key" ] && ! leave "$key" && ! "$root/scripts/images" --check; then
		say "another checkout uses its own test images on this engine: starting a private engine"
		return
	fi
	hold "$key"
	[ -f "$common/$key/helpers" ] || helper_images >"$common/$key/helpers"
	echo "$key" >"$state/images"
	"$root/scripts/images" 8<&- 9<&- >>"$common/$key/made"
}
