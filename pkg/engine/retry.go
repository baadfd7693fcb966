package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/image"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
)

// starter starts a helper container on an engine.
type starter struct {
	engine   Creator
	register Register
	files    Files
	first    []byte // is written to the helper's standard input before all else
	warn     func(string)
	created  int // containers so far
	// background is the sweep, and the removal of old images.
	background sync.WaitGroup
	version    func() (types.Version, error) // the engine's, asked for once
	noOwnImage bool                          // the helper's own image can't be loaded
	keepFor    Keep
}

// StartHelper starts a helper container on an engine and writes first to its standard input. If the engine
// can't grant everything that s asks for, the container has less, and warn is called. Meanwhile containers
// that killed clients left are removed. With keep the helper runs in a container that stays for later calls, if
// one can serve this call.
func StartHelper(ctx context.Context, engine Creator, register Register, files Files, keep Keep, s Spec, first []byte, warn func(string)) (*Helper, error) {
	return newStarter(ctx, engine, register, files, keep, first, warn).startHelper(ctx, s)
}

func newStarter(ctx context.Context, engine Creator, register Register, files Files, keep Keep, first []byte, warn func(string)) *starter {
	st := &starter{engine: engine, register: register, files: files, first: first, warn: warn, keepFor: keep}
	st.version = sync.OnceValues(func() (types.Version, error) {
		version, err := engine.ServerVersion(ctx)
		return version, wrapStep(err, "ask for the engine's architecture")
	})
	st.background.Go(func() { register.sweep(ctx, engine) })
	return st
}

func (st *starter) startHelper(ctx context.Context, s Spec) (*Helper, error) {
	if err := s.checkEngine(st.engine.ClientVersion()); err != nil {
		return nil, err
	}
	if st.keepFor.Time > 0 {
		h, err := st.startKept(ctx, s)
		why, own := errors.AsType[*notKeptError](err)
		if !own {
			return h, err
		}
		st.register.debug(fmt.Sprintf("the helper gets a container of its own: %v", why))
	}
	h, err := st.startWithImage(ctx, s)
	if !isStartError(ctx, err) {
		return h, err
	}
	if s.HostIPC {
		// A rootless engine can't grant it if its host has no /dev/mqueue. A helper that is root on the host can
		// join that namespace itself.
		s.HostIPC = false
		if h, err = st.startWithImage(ctx, s); !isStartError(ctx, err) {
			return h, err
		}
	}
	if !slices.Contains(s.Caps, AllCaps) {
		return nil, addRootlessHint(ctx, st.engine, err)
	}
	// The engine can't grant a capability that it lacks itself.
	if h, err = st.startWithImage(ctx, s.withDefaultCaps()); isStartError(ctx, err) {
		err = addRootlessHint(ctx, st.engine, err)
	}
	if err != nil {
		return nil, err
	}
	st.warn("the engine cannot grant all capabilities: the command has a container's default ones, and DAC_READ_SEARCH, NET_ADMIN, SYS_ADMIN and SYS_PTRACE")
	return h, nil
}

// isStartError reports whether the engine created a container and could not start it.
func isStartError(ctx context.Context, err error) bool {
	failed, ok := errors.AsType[*stepError](err)
	return ok && failed.what == stepStart && ctx.Err() == nil
}

// addRootlessHint adds a hint to the error of a rootless engine, which before Engine 26 can't start a
// container with the host's pid namespace.
func addRootlessHint(ctx context.Context, engine Creator, err error) error {
	info, failed := engine.Info(ctx)
	if failed != nil || !slices.Contains(info.SecurityOptions, "name=rootless") {
		return err
	}
	return exit.Hint(err, "the engine is rootless: docker nsjoin as root on its host needs no helper container, except for images and for containers that do not run, which need Engine 26")
}

// startWithImage starts a helper container from the helper's own image, if the user did not name one.
func (st *starter) startWithImage(ctx context.Context, s Spec) (*Helper, error) {
	if s.ImageGiven || st.noOwnImage {
		return st.startWithForeignImage(ctx, s)
	}
	h, err := st.startWithOwnImage(ctx, s)
	if refused, ok := errors.AsType[*noOwnImageError](err); ok {
		st.noOwnImage = true
		st.register.debug(fmt.Sprintf("%v: the helper is copied into a container of another image", refused))
		return st.startWithForeignImage(ctx, s)
	}
	return h, err
}

// startWithForeignImage starts a helper container from the image of s, with a copy of the helper. If that image
// is gone or unusable and the user did not name it, any other image is used.
func (st *starter) startWithForeignImage(ctx context.Context, s Spec) (*Helper, error) {
	s.program = helperimage.CopiedProgram(s.Call)
	if s.Image == "" {
		return st.startWithAnyImage(ctx, s, nil)
	}
	s = s.withImage(ctx, st.engine, s.Image)
	if s.unusable && !s.ImageGiven {
		h, err := st.startWithAnyImage(ctx, s, nil)
		if errors.Is(err, errNoImage) {
			return st.start(ctx, s)
		}
		return h, err
	}
	h, err := st.start(ctx, s)
	if !isImageGone(err) {
		return h, err
	}
	if s.ImageGiven {
		return nil, exit.Hint(err, "docker images lists the engine's images; docker nsjoin does not pull any")
	}
	return st.startWithAnyImage(ctx, s, func(image string) {
		st.warn(fmt.Sprintf("the image of %s is gone: the helper's container is made from image %s", s.Name, image))
	})
}

var errNoImage = errors.New("the engine has no image for the helper's container")

// startWithAnyImage starts a helper container from the first usable image. started is called with its name.
func (st *starter) startWithAnyImage(ctx context.Context, s Spec, started func(image string)) (*Helper, error) {
	list, err := st.engine.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return nil, wrapStep(err, "find an image for the helper's container")
	}
	for _, found := range list {
		other := s.withImage(ctx, st.engine, found.ID)
		if other.unusable {
			continue
		}
		h, err := st.start(ctx, other)
		if isImageGone(err) {
			continue // removed meanwhile
		}
		if err == nil && started != nil {
			started(imageName(found))
		}
		return h, err
	}
	return nil, exit.Hint(errNoImage, "pull any image, for example docker pull busybox, or name one of the engine's with --helper-image IMAGE")
}

// isImageGone reports whether the engine has no such image. The other steps can fail with "not found"
// for other reasons.
func isImageGone(err error) bool {
	failed, ok := errors.AsType[*stepError](err)
	return ok && failed.what == stepCreate && errdefs.IsNotFound(err)
}

func imageName(i image.Summary) string {
	if len(i.RepoTags) > 0 {
		return i.RepoTags[0]
	}
	return i.ID
}
