package launch

import "errors"

// Facts are what the way to the engine's host is chosen by.
type Facts struct {
	// Linux says that this system has namespaces.
	Linux bool
	// Socket says that the engine listens on a socket of this machine.
	Socket bool
	// Proven says that the first process of every container that is joined is
	// that container's here, too: the engine's processes are ours.
	Proven bool
	// Denied says that this could not be found out: a security module forbids the caller
	// to look at those processes.
	Denied bool
	// MayJoin says that the caller has the capabilities that joining takes.
	MayJoin bool
	// CallerConflict says what of the caller's a command in a container would keep, or what the
	// caller lacks for it; "" for nothing.
	CallerConflict string
}

// Choose chooses the way and says why. It fails where the way that was asked for
// can't be gone. What is in the caller's way can be had by the engine's; who asks for the
// local one is told of it by the helper.
func Choose(asked Via, f Facts) (way Via, why string, err error) {
	if asked == Engine {
		return Engine, "it was asked for", nil
	}
	switch {
	case !f.Linux:
		why = "this is not Linux"
	case !f.Socket:
		why = "the engine's endpoint is no socket of this machine"
	case !f.MayJoin:
		why = "joining here takes root"
	case f.Denied:
		why = "AppArmor, SELinux or Landlock forbids docker nsjoin to look at the container's first process"
	case !f.Proven:
		why = "the container's first process is none of this machine's"
	case asked == Local:
		return Local, "it was asked for", nil
	case f.CallerConflict != "":
		return Engine, f.CallerConflict, nil
	default:
		return Local, "the engine is on this machine, and the caller may join", nil
	}
	if asked == Local {
		return "", "", errors.New("--via local: " + why)
	}
	return Engine, why, nil
}
