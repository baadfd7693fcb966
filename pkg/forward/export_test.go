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
