package each

const long = `Run one command in many containers, in several at the same time, as docker nsjoin
runs it in one: with the same options, and with what the container has or lacks.

CONTAINER is a name, an ID, a pattern such as 'shop-*', or SERVICE@PROJECT, the
containers of a Compose service; SERVICE.N@PROJECT is one of them, and SERVICE@ means
the project of this directory. --filter, --project and --service restrict what is
named, or choose by themselves; --all chooses all running containers. The command
comes after "--".

--swarm-service means the running tasks of a service of a Docker Swarm, wherever they
run. The current context has to be a manager's. A node's engine is that of the context
whose engine says that it is the node, or else at the address of --node-context; you
confirm each node once. --context restricts which contexts are asked.

Each line of output begins with the container's name, and lines of different
containers are never mixed. At a terminal, control characters other than colours are
escaped. --format json prints each line as an object, and another one at the end of
each command with its exit status, also of those that were not run.

Input is passed on with -i: every command gets all of it. If it is not a file, all
commands run at the same time, and the one that reads slowest sets the pace. --group
and --retry need a file.

SIGINT (ctrl-c) and SIGTERM are sent to all commands; what is left ten seconds later,
or at the second ctrl-c, is killed. If this program is killed, the commands end too.

The exit status is 0 if all commands had 0, else the highest one, without those that
--fail-fast ended. 124 stands for a command that --timeout ended, 125 for one that
could not be started, and for output that could not be written. A command whose
container stopped meanwhile has its own status, 137 if it was killed. Without any
container the exit status is 125.`

const examples = `  docker nsjoin each 'shop-*' -- uptime                  containers by a pattern
  docker nsjoin each --filter label=tier=web -- nginx -s reload
  docker nsjoin each --service web -- date              of this directory's Compose project
  docker nsjoin each web@shop -- date                   a service of another project
  docker nsjoin each --all --only net -- ss -s          the host's ss in each network
  docker nsjoin each --context eu,us --all -- uptime    on several engines
  docker nsjoin each --swarm-service api -- date        all tasks of a Swarm service
  docker nsjoin each --all --dry-run -- true            which containers, by what rule`
