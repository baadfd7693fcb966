package launch

import "errors"

// Facts decide how the helper is started.
type Facts struct {
	// Linux says that this system has namespaces.
	Linux bool
	// Socket says that the engine's endpoint is a socket on this machine.
	Socket bool
	// Proven says that the first process of every container to join is that container's on this machine
	// too: the engine's processes run here.
	Proven bool
	// Denied says that this is not known, because a security module forbids the caller to inspect
	// those processes.
	Denied bool
	// MayJoin says that the caller has the capabilities that joining needs.
	MayJoin bool
	// CallerConflict says which attribute of the caller a command in a container could not get rid of, or
	// which right the caller lacks to set the command's attributes; "" for none.
	CallerConflict string
}

// Choose chooses how to start the helper, and says why. It fails if the requested way is impossible, and says
// why, too. With Auto a conflict leads to Engine; with Local the helper reports it.
func Choose(asked Via, f Facts) (way Via, why string, err error) {
	if asked == Engine {
		return Engine, "requested by --via", nil
	}
	switch {
	case !f.Linux:
		why = "this is not Linux"
	case !f.Socket:
		why = "the engine's endpoint is not a socket on this machine"
	case !f.MayJoin:
		why = "joining namespaces here needs root"
	case f.Denied:
		why = "AppArmor, SELinux or Landlock forbids docker nsjoin to inspect the container's first process"
	case !f.Proven:
		why = "the container's first process does not run on this machine"
	case asked == Local:
		return Local, "requested by --via", nil
	case f.CallerConflict != "":
		return Engine, f.CallerConflict, nil
	default:
		return Local, "the engine is on this machine, and the caller may join", nil
	}
	if asked == Local {
		return "", why, errors.New("--via local: " + why)
	}
	return Engine, why, nil
}
