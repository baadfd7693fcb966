package plan

import (
	"slices"
	"strings"
)

// environment is what docker exec gives a command: the container's own, with
// TERM where the command, not the container, has a terminal. Other than there,
// TERM is not always xterm, see terminalEnv, and COLORTERM comes with it: terminal
// has them, if there is one. What was configured wins.
//
// The engine builds both from the same parts, in daemon/exec.go and
// container/container_unix.go of moby: PATH, HOSTNAME, TERM=xterm for a
// terminal, links, and then the configured ones, which replace in place or are
// appended. So only TERM can differ, in presence and in place.
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
		case set, slices.Contains(configured, name): // a name alone unsets it
			continue
		}
		env = slices.Insert(env, place, variable)
		place++
	}
	return env
}

// defaultPath is the engine's PATH for containers whose image has none.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// ofProcess is the environment of a process that runs, with a PATH. A program that shows its
// state in ps (nginx, postgres, sshd) writes over its environment: what is no assignment is dropped.
func ofProcess(env []string) []string {
	env = slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.IndexByte(entry, '=') < 1 })
	if _, ok := lookup(env, "PATH"); !ok {
		env = append(env, "PATH="+defaultPath)
	}
	return env
}

// override puts the assignments of overrides into env, each in the place of the
// variable's earlier one or at the end, and takes the variables out that are
// named without a value. It is moby's container.ReplaceOrAppendEnvValues, also in
// this: of a variable that env has twice, which docker run -e --env-file can
// make, the last one is meant; and what overrides append isn't looked at again.
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

// afterHostname is where the engine puts TERM for a terminal.
func afterHostname(env []string) int {
	if i := slices.IndexFunc(env, isVariable("HOSTNAME")); i >= 0 {
		return i + 1
	}
	return slices.IndexFunc(env, isVariable("PATH")) + 1 // without one, the place would be here
}

// beforeNext is the place of the first of the later variables that was appended,
// not one that replaced a default of the engine's in front.
func beforeNext(env, later []string) int {
	first := make(map[string]int, len(env)) // an image may have any number of them
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

// lookup is the value of a variable; of several, the last, as the runtime keeps it.
func lookup(env []string, name string) (string, bool) {
	for _, assignment := range slices.Backward(env) {
		if isVariable(name)(assignment) {
			return assignment[len(name)+1:], true
		}
	}
	return "", false
}

// dedup keeps each variable once, with its last value, in the place of its
// first, as Go's os.Setenv in the runtime leaves them.
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

// hidden are variables that the Docker CLI sets for its plugins alone.
var hidden = []string{
	"DOCKER_CLI_PLUGIN_SOCKET",
	"DOCKER_CLI_PLUGIN_ORIGINAL_CLI_COMMAND",
	"DOCKER_CLI_PLUGIN_USE_DIAL_STDIO",
}

// callerEnvironment is the caller's own, without what the Docker CLI added.
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

// withoutCLIAttributes takes out the attributes that docker/cli's
// cli-plugins/manager adds, which all start with docker.cli.
func withoutCLIAttributes(list string) string {
	attributes := strings.Split(list, ",")
	return strings.Join(slices.DeleteFunc(attributes, func(a string) bool {
		return strings.HasPrefix(a, "docker.cli.")
	}), ",")
}
