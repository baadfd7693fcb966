# shellcheck shell=bash
# An authorization plugin that forbids helper containers. dockerd asks it before and after each
# request, https://docs.docker.com/engine/extend/plugins_authorization/.

# shellcheck disable=SC2016
forbidding='
	use IO::Socket::UNIX;
	$SIG{CHLD} = "IGNORE";
	my $path = shift;
	my $s = IO::Socket::UNIX->new(Local => $path, Listen => 64) or die "$path: $!";
	while (1) {
		my $c = $s->accept or next;
		next if fork; # one process for each connection
		while (defined(my $line = <$c>)) {
			my ($what) = $line =~ m{^POST (\S+)} or last;
			my $length = 0;
			while (defined($line = <$c>) && $line =~ /\S/) { $length = $1 if $line =~ /^Content-Length: (\d+)/i }
			read($c, my $asked, $length) == $length or last;
			my $answer = q({"Allow": true});
			$answer = q({"Implements": ["authz"]}) if $what eq "/Plugin.Activate";
			$answer = q({"Allow": false, "Msg": "no helpers here"})
				if $what eq "/AuthZPlugin.AuthZReq" && $asked =~ m{"RequestUri":"[^"]*/containers/create\?name=docker-nsjoin-};
			print $c "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ", length $answer, "\r\n\r\n", $answer;
			$c->flush;
		}
		exit;
	}
'

# prepare_policy: starts the plugin and adds to the options of dockerd and of the script inside.
prepare_policy() {
	local cgroup tree=$dir/policy
	have perl || die "$variant needs perl"
	mkdir -p "$tree/etc/docker/plugins"
	echo "unix://$dir/policy.sock" >"$tree/etc/docker/plugins/nsjoin-policy.spec"
	inside+=(--over "$tree")
	options+=(--authorization-plugin nsjoin-policy)
	cgroup=$(cgroup_mounts 'cgroup2?' | tail -n 1)/$name/policy # stop.sh finds the process by it
	mkdir -p "$cgroup"
	setsid "$root/scripts/engine.d/inside" --join "$cgroup" -- perl -e "$forbidding" "$dir/policy.sock" \
		</dev/null >"$state/policy.log" 2>&1 8<&- 9<&- &
	disown
}
