package run

// Short is the description of the plugin in docker --help.
const Short = "Run a command in the namespaces of a container"

const long = `Run a command in the namespaces of a container: in all of them, as docker exec
does, or in some of them, as nsenter and docker run --net container:NAME do.
docker nsjoin ls lists which containers share namespaces, docker nsjoin inspect
shows the identity that a command would have.

CONTAINER is a name, an ID or the beginning of an ID; "pid:N" is a process of the
engine's host, "host" the host itself. "--" in place of CONTAINER also means the
host. Options end at CONTAINER: what follows belongs to the command. Without
COMMAND, the user's login shell runs.

--net SOURCE and its like take one kind of namespace from elsewhere. SOURCE is:
  container:NAME  that of a container
  host            the caller's own
  pid:N           that of a process
  ns:PATH         that of a file, such as /run/netns/blue
  private         a new one; mounts, host name and clocks begin as copies

A command in the container's file system is what docker exec would have made: it
has the container's user, environment, limits, cgroup and filters. Standard input
is passed on with -i. If standard input and output are your terminal and you are
in its foreground, -it is implied; -T turns that off.

A command in the host's file system is you: it inherits your user, environment,
standard streams and descriptors. With --via engine it needs -i for its input.
In another pid namespace it has a /proc of that namespace, for ps and others, in
a copy of the host's mounts: what it mounts stays there. --mnt host prevents that.

If you are not root on the engine's host, or are on another machine, a short-lived
container of the engine runs the command (--via engine) and is removed. The host
is then the engine's host: its file system, as root, with a clean environment.

The exit status is the command's own; 128+N if signal N ended it; 127 if it was
not found, 126 if it cannot be run, 125 if docker nsjoin failed.`

const examples = `  docker nsjoin web                            a shell in web
  docker nsjoin web ls -l /                    a command in web
  docker nsjoin --only net web ip addr         the host's ip in web's network
  docker nsjoin --except mnt web gdb -p 1      the host's gdb on web's processes
  docker nsjoin --except net web wget …        web, but with the host's network
  docker nsjoin --net container:web app sh     app, but with web's network
  docker nsjoin --net host app ip addr         app, but with the host's network
  docker nsjoin --net container:web -- tcpdump the host, but with web's network
  docker nsjoin --dry-run web                  print what would be done, and stop`
