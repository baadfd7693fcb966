package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"sync/atomic"
	"time"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
	"github.com/docker/go-units"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/request"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// Files makes what helper containers are made from. An architecture is the engine's, named like GOARCH.
type Files struct {
	// Image makes the image that holds the helper.
	Image func(arch string, more ...helperimage.Part) (*helperimage.Image, error)
	// Copy makes an archive to unpack at the root of a container of another image, for the call of that ID.
	Copy func(arch string, call request.Call, compress bool, more ...helperimage.Part) (io.ReadCloser, error)
	// Compress says that the engine is reached through a network.
	Compress bool
	// Sending is that of a Connection.
	Sending func(what string, far func() string) (end func())
}

// sending begins to send the content, and returns it so that what was read of it is counted.
func (f Files) sending(content io.Reader, more []helperimage.Part) (counted io.Reader, end func()) {
	if f.Sending == nil {
		return content, func() {}
	}
	what := "sending the helper to the engine"
	if len(more) > 0 {
		what = "sending the toolbox to the engine"
	}
	read := &sentReader{from: content}
	return read, f.Sending(what, read.String)
}

// waiting begins to wait for another call that sends the helper.
func (f Files) waiting() (end func()) {
	if f.Sending == nil {
		return func() {}
	}
	return f.Sending("waiting for another call that sends the helper to the engine", nil)
}

// sentReader counts what is read.
type sentReader struct {
	from io.Reader
	sent atomic.Int64
}

func (r *sentReader) Read(to []byte) (int, error) {
	n, err := r.from.Read(to)
	r.sent.Add(int64(n))
	return n, err
}

func (r *sentReader) String() string { return units.HumanSize(float64(r.sent.Load())) }

// noOwnImageError says why no container can be made from the helper's own image.
type noOwnImageError struct{ why error }

func (e *noOwnImageError) Error() string { return e.why.Error() }

// startWithOwnImage starts a helper container from the image that holds the helper, by the ID of its content,
// and loads the image if the engine does not have it. The first guess is that the engine has this machine's
// architecture. The error is a noOwnImageError if another image may serve.
func (st *starter) startWithOwnImage(ctx context.Context, s Spec) (*Helper, error) {
	return st.withOwnImage(ctx, s, func(s Spec) (*Helper, error) { return st.start(ctx, s) })
}

// withOwnImage calls start with the image that holds the helper, as startWithOwnImage says.
func (st *starter) withOwnImage(ctx context.Context, s Spec, start func(Spec) (*Helper, error)) (*Helper, error) {
	own, err := st.files.Image(runtime.GOARCH, s.More...)
	if err == nil {
		if h, err := st.startFrom(s, own, start); !isImageGone(err) {
			return h, err
		}
	}
	version, err := st.version()
	if err != nil {
		return nil, err
	}
	if version.Arch != runtime.GOARCH {
		if own, err = st.files.Image(version.Arch, s.More...); err != nil {
			return nil, &noOwnImageError{err}
		}
		if h, err := st.startFrom(s, own, start); !isImageGone(err) {
			return h, err
		}
	}
	loaded, waited := st.register.beginLoading(ctx, own, st.files.waiting)
	defer func() { loaded.Remove() }()
	if waited {
		if h, err := st.startFrom(s, own, start); !isImageGone(err) {
			return h, err
		}
	}
	st.register.debug(fmt.Sprintf("load the image %s, %s", own.Name, own.ID))
	if err := st.load(ctx, own, s.More); err != nil {
		if ctx.Err() != nil {
			return nil, wrapStep(ctx.Err(), stepCreate)
		}
		return nil, &noOwnImageError{fmt.Errorf("load the image %s: %w", own.Name, err)}
	}
	loaded.Remove()
	loaded = nil
	h, err := st.startFrom(s, own, start)
	if isImageGone(err) {
		return nil, &noOwnImageError{err} // somebody has removed it again
	}
	return h, err
}

// startFrom starts a helper container from the helper's image, by the ID that it has in the engine's store.
func (st *starter) startFrom(s Spec, own *helperimage.Image, start func(Spec) (*Helper, error)) (h *Helper, err error) {
	s.own, s.program, s.volumes, s.unusable = true, helperimage.Program, nil, false
	s.arch = own.Arch
	for _, id := range own.IDs() {
		s.Image = id
		if h, err = start(s); !isImageGone(err) {
			st.register.useImage(own)
			return h, err
		}
	}
	return nil, err
}

// load loads the helper's image into the engine's store. Older images that this user has loaded are
// removed meanwhile.
func (st *starter) load(ctx context.Context, own *helperimage.Image, more []helperimage.Part) error {
	st.register.addImage(own)
	st.background.Go(func() { st.register.removeOldImages(ctx, st.engine, own) })
	archive := own.Archive(st.files.Compress)
	defer archive.Close()
	sent, end := st.files.sending(archive, more)
	defer end()
	answer, err := st.engine.ImageLoad(ctx, sent, client.ImageLoadWithQuiet(true))
	if err != nil {
		return errors.New(Message(err))
	}
	defer answer.Body.Close()
	messages := json.NewDecoder(answer.Body)
	for {
		var message struct {
			Error string `json:"error"`
		}
		switch err := messages.Decode(&message); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("read the engine's answer: %w", err)
		case message.Error != "":
			return errors.New(message.Error)
		}
	}
}

// ImageRemover is the part of the engine's client that removes images.
type ImageRemover interface {
	ImageRemove(ctx context.Context, id string, options image.RemoveOptions) ([]image.DeleteResponse, error)
}

// An image that this user has loaded and that no version of docker nsjoin has used for unusedTime is
// removed when another one is loaded. Its record is touched at most once in touchTime.
const (
	unusedTime = 7 * 24 * time.Hour
	touchTime  = 24 * time.Hour
)

// imageName is the name of the record of an image on this engine.
func (r Register) imageName(own *helperimage.Image) string {
	_, tag, _ := strings.Cut(own.Name, ":")
	return tag + "-" + nameOf(r.Endpoint)
}

// loadingTimeout is how long another call may load the image: one that was stopped, or whose engine hangs, holds up no other.
var loadingTimeout = time.Minute

// beginLoading waits until no other call of this user loads the image into this engine, or ctx ends, or for a minute. waited
// says that one did; waiting is called when the wait begins, and its result in the end. The caller removes the record, nil if
// there cannot be one, when the image is loaded.
func (r Register) beginLoading(ctx context.Context, own *helperimage.Image, waiting func() (end func())) (record *state.Record, waited bool) {
	const again = 50 * time.Millisecond
	if r.State == nil {
		return nil, false
	}
	name, late := r.imageName(own), time.After(loadingTimeout)
	for ctx.Err() == nil {
		record, err := r.State.Add(state.Loading, state.Entry{Name: name, ID: own.ID, Endpoint: r.Endpoint, Context: r.Context, Began: time.Now()})
		if err == nil {
			return record, waited
		}
		if !errors.Is(err, fs.ErrExist) {
			r.debug(fmt.Sprintf("cannot wait for others that load the helper's image: %v", err))
			break
		}
		if !waited {
			waited = true
			defer waiting()()
		}
		ended, _ := r.State.Abandoned(state.Loading, func(e state.Entry) bool { return e.Name == name })
		for _, record := range ended { // that call was killed
			record.Remove()
		}
		select {
		case <-ctx.Done():
		case <-late:
			r.debug(fmt.Sprintf("another call has been loading the helper's image for %s: this one loads it, too", loadingTimeout))
			return nil, waited
		case <-time.After(again):
		}
	}
	return nil, waited
}

// addImage records an image that is about to be loaded.
func (r Register) addImage(own *helperimage.Image) {
	if r.State == nil {
		return
	}
	record, err := r.State.Lasting().Add(state.Image, state.Entry{
		Name: r.imageName(own), ID: own.ID, OtherID: own.Manifest, Endpoint: r.Endpoint, Context: r.Context, Began: time.Now(),
	})
	switch {
	case err == nil:
		record.Release()
	case !errors.Is(err, fs.ErrExist): // otherwise it was loaded before, and has been removed since
		r.debug(fmt.Sprintf("cannot record the helper's image: %v", err))
	}
}

// useImage notes that an image is used, if this user has loaded it.
func (r Register) useImage(own *helperimage.Image) {
	if r.State != nil {
		r.State.Lasting().Touch(state.Image, r.imageName(own), touchTime)
	}
}

// removeOldImages removes the images on this engine that this user has loaded and that are no longer
// used, but not the current one. An image that a container uses stays.
func (r Register) removeOldImages(ctx context.Context, engine ImageRemover, current *helperimage.Image) {
	if r.State == nil {
		return
	}
	name, now := r.imageName(current), time.Now()
	old, err := r.State.Lasting().Abandoned(state.Image, func(e state.Entry) bool {
		return e.Endpoint == r.Endpoint && e.Name != name && now.Sub(e.Used) > unusedTime
	})
	if err != nil {
		r.debug(fmt.Sprintf("cannot look for old images of the helper: %v", err))
	}
	for _, record := range old {
		if err := removeImage(ctx, engine, record.ID, record.OtherID); err == nil {
			record.Remove()
		} else {
			record.Release()
		}
	}
}

// removeImage removes an image by the one of its IDs that the engine knows; it may be gone. It fails if a container
// uses the image.
func removeImage(ctx context.Context, engine ImageRemover, ids ...string) error {
	for _, id := range ids {
		_, err := engine.ImageRemove(ctx, id, image.RemoveOptions{PruneChildren: true})
		if !errdefs.IsNotFound(err) {
			return err
		}
	}
	return nil
}
