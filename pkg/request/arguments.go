package request

// Arguments of the helper's program that stand for a REQUEST: what comes on its standard input.
const (
	FramesArg = "frames" // frames of package frame; they begin with the request
	ManyArg   = "many"   // streams of package frame/streams: for each, package multiplexer starts a helper that reads frames
)
