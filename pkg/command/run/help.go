package run

// Short is the description of the plugin in docker --help.
const Short = "Run a command in the namespaces of a container"

const long = `Run a command in the namespaces of a container: all of them, as docker exec
does, or just some, as nsenter and docker run --net container:NAME do.

CONTAINER is a name, an ID or the beginning of one; "pid:N" is a process of the
engine's host, "host" the host itself. With "--" in front there is none, which
is the host too. Options end at CONTAINER: what follows is the command's. With
no COMMAND, it is the user's login shell.

A single kind of namespace comes from elsewhere by --net SOURCE and its sisters:
  container:NAME  that of a container
  host            the caller's own
  pid:N           that of a process
  ns:PATH         that of a file, such as /run/netns/blue
  private         a new one; mounts, host name and clocks begin as copies

A command that runs in the container's file system is what docker exec would
have made: its user, environment, limits, cgroup and filters. Its standard input
is passed on with -i. At a terminal, -it is implied: where standard input and
output are your terminal and you are in its foreground. -T turns that off.

A command that runs in the host's file system is the caller, unchanged: it inherits
your standard streams and descriptors. By --via engine it needs -i for the input.
In another pid namespace it has a /proc of that, for ps and others, in a copy of the
host's mounts: what is mounted there stays there. --mnt host turns that off.

Who isn't root on the engine's host, or is on another one, gets there by a
short-lived container of the engine (--via engine), which is removed. The host is
the engine's then: its file system, as root, with a clean environment.

The exit status is the command's own; 128 and more for a signal; 127 when it was
not found, 126 when it can't be run, 125 when docker nsjoin failed.`

const examples = `  docker nsjoin web                            a shell in web
  docker nsjoin web ls -l /                    a command in web
  docker nsjoin --only net web ip addr         the host's ip, web's network
  docker nsjoin --except mnt web gdb -p 1      the host's gdb, web's processes
  docker nsjoin --except net web wget …        web, but with the host's network
  docker nsjoin --net container:web app sh     app, but with web's network
  docker nsjoin --net host app ip addr         app, but with the host's network
  docker nsjoin --net container:web -- tcpdump the host, but with web's network
  docker nsjoin --dry-run web                  say what would be done, and stop`
