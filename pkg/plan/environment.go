package plan

import (
	"slices"
	"strings"
)

// environment returns the environment that docker exec gives a command: the container's,
// with TERM only if the command has a terminal, whether or not the container has one. Unlike
// docker exec, TERM is not always xterm, and COLORTERM is passed too: both are in terminal, see
// terminalEnv. A variable that the container's configuration sets has priority.
//
// The engine builds the environments of a container and of an exec from the same parts
// (daemon/exec.go and container/container_unix.go in moby): PATH, HOSTNAME, TERM=xterm for a
// terminal, links, and then the configured variables, which replace earlier ones in place or
// are appended. So the two differ only in whether and where TERM is set.
func environment(spec Spec, configured, terminal []string) []string {
	env := slices.Clone(spec.Env)
	if spec.Terminal || len(terminal) > 0 {
		env = slices.DeleteFunc(env, isVariable("TERM"))
	}
	if len(terminal) == 0 {
		at := slices.IndexFunc(configured, isVariable("TERM"))
		if spec.Terminal && at >= 0 {
			value, _ := lookup(configured, "TERM")
			env = slices.Insert(env, beforeNext(env, configured[at+1:]), "TERM="+value)
		}
		return env
	}
	place := afterHostname(env)
	for _, variable := range terminal {
		name, _, _ := strings.Cut(variable, "=")
		value, set := lookup(configured, name)
		switch {
		case set && name == "TERM":
			variable = name + "=" + value
		case set, slices.Contains(configured, name): // a name without a value unsets it
			continue
		}
		env = slices.Insert(env, place, variable)
		place++
	}
	return env
}

// defaultPath is the PATH that the engine sets if the image sets none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// processEnv returns the environment of a running process, with a PATH. Programs that show their
// state in ps (nginx, postgres, sshd) overwrite it: entries that are not assignments are dropped.
func processEnv(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.IndexByte(entry, '=') < 1 })
	if _, ok := lookup(env, "PATH"); !ok {
		env = append(env, "PATH="+defaultPath)
	}
	return env
}

// override applies overrides to env: an assignment replaces the variable in place or
// is appended, and a name without a value removes the variable. Like moby's
// container.ReplaceOrAppendEnvValues, it changes only the last entry of a variable that env
// has twice, which docker run -e --env-file can cause, and never one that it has appended.
func override(env, overrides []string) []string {
	place := make(map[string]int, len(env))
	for i, assignment := range env {
		name, _, _ := strings.Cut(assignment, "=")
		place[name] = i
	}
	env = slices.Clone(env)
	for _, o := range overrides {
		name, _, assigned := strings.Cut(o, "=")
		i, ok := place[name]
		switch {
		case assigned && ok:
			env[i] = o
		case assigned:
			env = append(env, o)
		case ok:
			env[i] = ""
		}
	}
	return slices.DeleteFunc(env, func(assignment string) bool { return assignment == "" })
}

// afterHostname returns the index at which the engine inserts TERM.
func afterHostname(env []string) int {
	if i := slices.IndexFunc(env, isVariable("HOSTNAME")); i >= 0 {
		return i + 1
	}
	return slices.IndexFunc(env, isVariable("PATH")) + 1 // without PATH it is index 0
}

// beforeNext returns the index in env of the first variable in later that the engine
// appended. Variables that replaced one of the engine's defaults come earlier and are skipped.
func beforeNext(env, later []string) int {
	first := make(map[string]int, len(env)) // a map, since an image may set any number of variables
	for i, variable := range slices.Backward(env) {
		first[variable] = i
	}
	after := afterHostname(env)
	for _, variable := range later {
		if i, ok := first[variable]; ok && i >= after {
			return i
		}
	}
	return len(env)
}

func isVariable(name string) func(string) bool {
	return func(assignment string) bool { return strings.HasPrefix(assignment, name+"=") }
}

// lookup returns the value of a variable: the last one, as the runtime does.
func lookup(env []string, name string) (string, bool) {
	for _, assignment := range slices.Backward(env) {
		if isVariable(name)(assignment) {
			return assignment[len(name)+1:], true
		}
	}
	return "", false
}

// dedup keeps each variable once, with its last value in the position of its first, as
// os.Setenv in the runtime does.
func dedup(env []string) []string {
	kept := make([]string, 0, len(env))
	place := make(map[string]int, len(env))
	for _, assignment := range env {
		name, _, ok := strings.Cut(assignment, "=")
		if !ok || name == "" {
			continue
		}
		if i, seen := place[name]; seen {
			kept[i] = assignment
			continue
		}
		place[name] = len(kept)
		kept = append(kept, assignment)
	}
	return kept
}

// hidden are the variables that the Docker CLI sets only for its plugins.
var hidden = []string{
	"DOCKER_CLI_PLUGIN_SOCKET",
	"DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND",
	"DOCKER_CLI_PLUGIN_USE_DIAL_STDIO",
}

// callerEnvironment returns the caller's environment without what the Docker CLI added.
func callerEnvironment(env []string) []string {
	kept := make([]string, 0, len(env))
	for _, assignment := range env {
		name, value, _ := strings.Cut(assignment, "=")
		switch {
		case slices.Contains(hidden, name):
		case name == "OTEL_RESOURCE_ATTRIBUTES":
			if rest := withoutCLIAttributes(value); rest != "" {
				kept = append(kept, name+"="+rest)
			}
		default:
			kept = append(kept, assignment)
		}
	}
	return kept
}

// withoutCLIAttributes removes the attributes that docker/cli's cli-plugins/manager
// adds. All of them start with docker.cli.
func withoutCLIAttributes(list string) string {
	attributes := strings.Split(list, ",")
	return strings.Join(slices.DeleteFunc(attributes, func(a string) bool {
		return strings.HasPrefix(a, "docker.cli.")
	}), ",")
}
