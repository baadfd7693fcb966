# shellcheck shell=bash
# Running the command: its signals, its exit status, its end.

tree() { # PID: prints it and its descendants
	local pid
	echo "$1"
	for pid in $(ps -o pid= --ppid "$1"); do tree "$pid"; done
}

child=
signal=

# passed NUMBER NAME: passes a signal on. At a terminal the command has it already.
passed() {
	local pid
	signal=$1
	[ -n "$child" ] || exit $((128 + signal))
	if [ "$2" = INT ] && [ "$(ps -o tpgid= -p $$ | tr -d ' ')" = "$(ps -o pgid= -p $$ | tr -d ' ')" ]; then return; fi
	for pid in $(tree "$child"); do kill -s "$2" "$pid" 2>/dev/null || true; done
}

# run_command COMMAND...: runs it in the background, since bash handles a signal only after a
# foreground command has ended.
run_command() {
	local status=0 pid ticks=0
	# For a background command, bash ignores SIGINT and redirects standard input.
	env --default-signal=INT,QUIT "$@" <&0 8<&- &
	child=$!
	while :; do
		status=0
		wait "$child" || status=$?
		kill -0 "$child" 2>/dev/null || break
		# A signal interrupted the wait: the command has 10 s to end, then 5 s after SIGTERM, then SIGKILL.
		for ((ticks = 0; ticks < 150; ticks++)); do
			kill -0 "$child" 2>/dev/null || break
			if [ $ticks = 100 ]; then
				for pid in $(tree "$child"); do kill "$pid" 2>/dev/null || true; done
			fi
			sleep 0.1 || true
		done
		for pid in $(tree "$child"); do kill -9 "$pid" 2>/dev/null || true; done
	done
	child=
	[ -z "$signal" ] || return $((128 + signal))
	return $status
}
