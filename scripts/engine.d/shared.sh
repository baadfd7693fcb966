# shellcheck shell=bash
# What several runs share: the images on an engine, the user dockremap, /dev/mqueue.
# $common/KEY/made lists what we made of it, $common/KEY/holder.* who still needs
# it; the last to leave removes it. All of it under the lock of state.sh.

if [ "$(id -u)" = 0 ]; then common=/run/nsjoin-test; else common=/tmp/nsjoin-test-$(id -u); fi

hold() { # KEY
	[ -d "$common" ] || mkdir -m 700 "$common"
	[ -O "$common" ] || die "$common belongs to someone else"
	mkdir -p "$common/$1"
	printf '%s\n' "$state" >"$common/$1/holder.$unique-${state##*/}"
}

# leave KEY: takes our own name out; true when nobody else needs it.
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
	local dir=$common/$1 made
	[ -d "$dir" ] || return 0
	leave "$1" || return 0
	if [ -s "$dir/made" ]; then
		mapfile -t made < <(sort -u "$dir/made")
		"$2" "${made[@]}" || return 0 # for the next one to try again
	fi
	rm -rf "$dir"
	rmdir "$common" 2>/dev/null || true
}

remove_images() {
	local image status=0
	for image; do
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

# borrow: uses the engine that answers, if its test images are ours to make.
# Writes $state/images.
borrow() {
	local key
	# The ID is in a file that two engines of one machine can share.
	key=images-$(docker info --format '{{.ID}} {{.DockerRootDir}}' | sha256sum | cut -c 1-16)
	if [ -d "$common/$key" ] && ! leave "$key" && ! "$root/scripts/images" --check; then
		say "another checkout tests with images of its own on this engine: starting a private one"
		return
	fi
	hold "$key"
	echo "$key" >"$state/images"
	"$root/scripts/images" 8<&- 9<&- >>"$common/$key/made"
}
