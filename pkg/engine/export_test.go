package engine

import (
	"context"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/helperimage"
	"github.com/nsjoin/docker-nsjoin/pkg/state"
)

// SetHelloTimeout shortens the time that a helper in a container that is kept may take to answer.
func SetHelloTimeout(timeout time.Duration) (restore func()) {
	before := helloTimeout
	helloTimeout = timeout
	return func() { helloTimeout = before }
}

// SetLostInterval shortens the times after which a helper in a container that is kept counts as lost.
func SetLostInterval(interval time.Duration) (restore func()) {
	beforeInterval, beforePause := lostInterval, lostPause
	lostInterval, lostPause = interval, interval
	return func() { lostInterval, lostPause = beforeInterval, beforePause }
}

// SetLoadingTimeout shortens the time that another call may load the image.
func SetLoadingTimeout(timeout time.Duration) (restore func()) {
	before := loadingTimeout
	loadingTimeout = timeout
	return func() { loadingTimeout = before }
}

// BeginLoading is beginLoading. Sending of files gets what is shown meanwhile.
func (r Register) BeginLoading(ctx context.Context, own *helperimage.Image, files Files) (record *state.Record, waited bool) {
	return r.beginLoading(ctx, own, files.waiting)
}
