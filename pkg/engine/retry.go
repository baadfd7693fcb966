package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"

	"github.com/nsjoin/docker-nsjoin/pkg/exit"
)

// starter starts a helper's container on an engine.
type starter struct {
	engine   Creator
	register Register
	archive  Archive
	warn     func(string)
	made     int           // containers so far
	swept    chan struct{} // closed when abandoned ones were looked for
}

// StartOn starts a helper's container on an engine, with less than was wanted where the
// engine hasn't got it: then warn says so. Meanwhile it removes what clients left that
// were killed.
func StartOn(ctx context.Context, engine Creator, register Register, s Spec, archive Archive, warn func(string)) (*Helper, error) {
	st := &starter{engine: engine, register: register, archive: archive, warn: warn, swept: make(chan struct{})}
	go func() {
		defer close(st.swept)
		register.sweep(ctx, engine)
	}()
	h, err := st.startOfSomeImage(ctx, s)
	if !notStarted(ctx, err) {
		return h, err
	}
	if s.HostIPC {
		// A rootless one can't where its host has no /dev/mqueue. Root's helper can join it.
		s.HostIPC = false
		if h, err = st.startOfSomeImage(ctx, s); !notStarted(ctx, err) {
			return h, err
		}
	}
	if !slices.Contains(s.Caps, AllCaps) {
		return nil, hintRootless(ctx, engine, err)
	}
	// The engine can give no capability that it lacks itself.
	if h, err = st.startOfSomeImage(ctx, s.lessCaps()); notStarted(ctx, err) {
		err = hintRootless(ctx, engine, err)
	}
	if err != nil {
		return nil, err
	}
	warn("the engine can't give all capabilities: the command has those of a container, NET_ADMIN, SYS_ADMIN and SYS_PTRACE")
	return h, nil
}

// notStarted tells that a container was made that the engine couldn't start.
func notStarted(ctx context.Context, err error) bool {
	failed, ok := errors.AsType[*stepError](err)
	return ok && failed.what == starting && ctx.Err() == nil
}

// hintRootless adds the way out to why the engine couldn't start a helper where the engine
// isn't root's: before 26 it gives no container the host's processes.
func hintRootless(ctx context.Context, engine Creator, err error) error {
	info, failed := engine.Info(ctx)
	if failed != nil || !slices.Contains(info.SecurityOptions, "name=rootless") {
		return err
	}
	return exit.Hint(err, "the engine is rootless: root on its host can join without a helper's container, sudo docker nsjoin …")
}

// startOfSomeImage starts a helper's container of the image that was asked for or,
// where that is gone or unfit, of another: any will do.
func (st *starter) startOfSomeImage(ctx context.Context, s Spec) (*Helper, error) {
	if s.Image == "" {
		return st.startOfAny(ctx, s, nil)
	}
	s = s.of(ctx, st.engine, s.Image)
	if s.unfit && !s.ImageGiven {
		h, err := st.startOfAny(ctx, s, nil)
		if errors.Is(err, errNoImage) {
			return st.start(ctx, s)
		}
		return h, err
	}
	h, err := st.start(ctx, s)
	if !imageGone(err) {
		return h, err
	}
	if s.ImageGiven {
		return nil, exit.Hint(err, "docker images lists those that the engine has; none is pulled")
	}
	return st.startOfAny(ctx, s, func(image string) {
		st.warn(fmt.Sprintf("the image of %s is gone: the helper has the files of image %s", s.Name, image))
	})
}

var errNoImage = errors.New("the engine has no image that a helper's container can be made of")

// startOfAny starts one of any image that fits. Then started is told which.
func (st *starter) startOfAny(ctx context.Context, s Spec, started func(image string)) (*Helper, error) {
	list, err := st.engine.ImageList(ctx, image.ListOptions{})
	if err != nil {
		return nil, step(err, "find an image for the helper's container")
	}
	for _, found := range list {
		other := s.of(ctx, st.engine, found.ID)
		if other.unfit {
			continue
		}
		h, err := st.start(ctx, other)
		if imageGone(err) {
			continue // removed meanwhile
		}
		if err == nil && started != nil {
			started(name(found))
		}
		return h, err
	}
	return nil, exit.Hint(errNoImage, "docker pull any, or name one that is there: --helper-image IMAGE")
}

// imageGone tells that the engine hasn't got the image; later steps can fail for what
// isn't there as well.
func imageGone(err error) bool {
	failed, ok := errors.AsType[*stepError](err)
	return ok && failed.what == creating && errdefs.IsNotFound(err)
}

func name(i image.Summary) string {
	if len(i.RepoTags) > 0 {
		return i.RepoTags[0]
	}
	return i.ID
}
