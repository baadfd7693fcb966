package streams

import "time"

// Resume has m find that its process was stopped for a time.
func Resume(m *Mux, stopped time.Duration) {
	m.began = m.began.Add(-stopped)
	m.tick()
}

// Waits reports whether WriteTo waits for data, with a writer that takes them at once.
func (s *Stream) Waits() bool {
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	return s.in.direct != nil
}
