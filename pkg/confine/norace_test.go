//go:build !race

package confine

// raced says that the tests run under the race detector, whose runtime makes threads and maps memory by cgo. The plugin
// is built without it.
const raced = false
