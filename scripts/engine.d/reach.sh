# shellcheck shell=bash
# How the command reaches the engine, besides its socket, which stop.sh uses. listen_* sets listen,
# the command that starts dockerd, and adds to dockerd's options. reach_* exports what the Docker CLI
# needs once the engine has started.

listen_unix() { listen=(env -u LISTEN_FDS -u LISTEN_PID); }

reach_unix() { :; }

# The engine has its own network namespace, so it gets a socket that listens in this one, as from
# systemd.
# shellcheck disable=SC2016
listening='
	use Socket;
	$^F = 9; # descriptors stay open
	open STDIN, "<", "/dev/null";
	socket my $s, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
	bind $s, sockaddr_in 0, INADDR_LOOPBACK or die "bind: $!";
	listen $s, 64 or die "listen: $!";
	fileno $s == 3 or die "the socket is descriptor ", fileno $s;
	open my $port, ">", shift or die "port: $!";
	print $port +(sockaddr_in getsockname $s)[0], "\n";
	close $port;
	@ENV{"LISTEN_FDS", "LISTEN_PID"} = (1, $$);
	exec @ARGV or die "@ARGV: $!";
'

listen_tcp() {
	have perl || die "$variant needs perl"
	listen=(perl -e "$listening" "$state/port")
	options+=(--host fd://)
}

reach_tcp() {
	DOCKER_HOST=tcp://127.0.0.1:$(<"$state/port")
}

listen_tls() {
	listen_tcp
	certificates "$dir/tls"
	options+=(--tlsverify --tlscacert "$dir/tls/ca.pem" --tlscert "$dir/tls/server.pem" --tlskey "$dir/tls/server.key")
}

reach_tls() {
	reach_tcp
	export DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=$dir/tls
}

# certificates DIR: creates a CA, the engine's certificate, also for its address as a node of TestNodes, and the Docker CLI's with the names that it expects.
certificates() {
	local key=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes)
	have openssl || die "$variant needs openssl"
	mkdir -m 700 "$1"
	(
		cd "$1"
		openssl req -x509 "${key[@]}" -keyout ca.key -out ca.pem -days 2 -subj '/CN=nsjoin test CA'
		openssl req -new "${key[@]}" -keyout server.key -out server.csr -subj /CN=127.0.0.1
		openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out server.pem \
			-extfile <(printf 'subjectAltName=IP:127.0.0.1,IP:10.213.7.2\nextendedKeyUsage=serverAuth\n')
		openssl req -new "${key[@]}" -keyout key.pem -out client.csr -subj /CN=client
		openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out cert.pem \
			-extfile <(printf 'extendedKeyUsage=clientAuth\n')
	) 2>"$state/openssl" || { cat "$state/openssl" >&2; die "$variant: no certificates"; }
}
