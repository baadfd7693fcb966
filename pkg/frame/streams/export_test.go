package streams

import "time"

// Resume has m find that its process was stopped for a time.
func Resume(m *Mux, stopped time.Duration) {
	m.began = m.began.Add(-stopped)
	m.tick()
}
