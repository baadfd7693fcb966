package engine

import "time"

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
