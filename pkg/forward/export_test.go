package forward

import "context"

// DivideFiles is divideFiles.
func DivideFiles(most uint64, forwards int) (connections, dials, pipes int, limit string) {
	f := divideFiles(most, forwards)
	return f.connections, f.dials, f.pipes, f.limit
}

// Rooms returns the parts that forwards have for themselves.
func Rooms(connections, forwards int) (parts []int) {
	r := newRoom("", connections, forwards)
	for range forwards {
		parts = append(parts, cap(r.share().own))
	}
	return parts
}

// Facing reports whether one forward of a container is found to lead to another and back.
func Facing(a, b *Status) bool { return newIndex([]Status{*b}).facing(a) != nil }

// Claims are claims.
type Claims struct{ claims }

// Claim is claim.
func (c *Claims) Claim(s *Status) (other *Status) { return c.claim(s) }

// Release is release.
func (c *Claims) Release(id string) { c.release(id) }

// Asks lets a test ask other calls.
type Asks struct{ asks }

// NewAsks asks by a function.
func NewAsks(ask func(context.Context) []Status) *Asks { return &Asks{asks{ask: ask}} }

// Asked is asked.
type Asked = asked

// Join is join. The answer is there when done is closed.
func (a *Asks) Join() (answer *Asked, done <-chan struct{}) {
	r := a.join()
	return r, r.done
}

// Has reports whether an answer has a forward that listens at a path.
func (r *asked) Has(path string) bool { return len(r.index[location{}.at(path)]) == 1 }
