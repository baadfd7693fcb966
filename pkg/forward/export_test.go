package forward

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
