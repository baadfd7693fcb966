package run

// Short is the description of the plugin in docker --help.
const Short = "Run a command in the namespaces of a container"

const long = `Run a command in the namespaces of a container: in all of them, as docker exec
does, or in some of them, as nsenter and docker run --net container:NAME do.
docker nsjoin ls lists which containers share namespaces; docker nsjoin inspect
shows the identity that a command would have.

CONTAINER is a name, an ID or the beginning of an ID, or SERVICE@PROJECT, the only
container of a Compose service (SERVICE.2@PROJECT if it has several, SERVICE@ in the
project of this directory). It can also be "pid:N", a process on the engine's host, or
"host", the host itself; "--" in its place means "host" too. With --swarm it is a task
of a Docker Swarm, such as api.3, on whatever node it runs. Options end at CONTAINER: what follows belongs to the command. Without
COMMAND, the user's login shell runs.

--net, --pid, --ipc, --uts, --mnt, --userns, --cgroupns and --time each take one
namespace from elsewhere. Their argument is one of:
  container:NAME  a container's namespace
  host            your own namespace
  pid:N           a process's namespace
  ns:PATH         the namespace of a file, such as /run/netns/blue
  private         a new namespace; mounts, host name and clocks begin as copies

A command in the container's file system runs as docker exec would run it, with
the container's user, environment, limits, cgroup and seccomp filter. Its standard
input is empty without -i. If standard input and output are your terminal and you
are in its foreground, -it is implied; -T turns that off.

A command in the host's file system runs as you: it inherits your user,
environment, standard streams and descriptors. With --via engine it needs -i to
read standard input. In another pid namespace it gets a /proc of that namespace,
so that ps and similar tools work. That /proc is mounted in a copy of the host's
mounts, and what the command mounts stays in the copy. --mnt host turns this off.

In a container's network it sees that container's names (/etc/resolv.conf,
/etc/hosts, /etc/hostname) and interfaces (/sys) in the same way, as far as the
engine knows them. --names chooses other names: container:NAME, files:NAME for the
files that a container itself has written, or host to change nothing. With
container:NAME a command in a container's file system sees them, too.

If you are not root on the engine's host, or are on another machine, the command
runs through a short-lived container of the engine (--via engine). "The host" is
then the engine's host: its file system, as root, with a clean environment.

The exit status is the command's own; 128+N if signal N ended it; 127 if it was
not found; 126 if it cannot be run; 125 if docker nsjoin failed.`

const examples = `  docker nsjoin web                            a shell in web
  docker nsjoin web ls -l /                    a command in web
  docker nsjoin --only net web ip addr         the host's ip in web's network
  docker nsjoin --only net web curl http://db  the host's curl; db is found as in web
  docker nsjoin --except mnt web gdb -p 1      the host's gdb on web's process 1
  docker nsjoin --except net web wget …        web, but with the host's network
  docker nsjoin --net container:web app sh     app, but with web's network
  docker nsjoin --net host app ip addr         app, but with the host's network
  docker nsjoin --net container:web -- tcpdump the host, but with web's network
  docker nsjoin --dry-run web                  print what would be done; run nothing`
