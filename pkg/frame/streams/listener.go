package streams

// backlog is how many connections of a listener the client takes before it calls Next.
const backlog = 64

// Listen opens a listener in the container: ListenTCP or ListenUnix. Opened tells its address.
func (m *Mux) Listen(network Network, address string) (*Stream, error) {
	l, err := m.Open(network, address)
	if err != nil {
		return nil, err
	}
	l.in.mu.Lock()
	l.in.allowed = backlog
	l.in.mu.Unlock()
	l.give(backlog, false)
	return l, nil
}

// Next waits for the next connection of a listener, of the client.
func (s *Stream) Next() (*Stream, error) {
	c, err := s.next()
	if err != nil {
		return nil, err
	}
	s.in.mu.Lock()
	s.in.allowed++
	s.in.mu.Unlock()
	s.give(1, false)
	return c, nil
}

func (s *Stream) next() (*Stream, error) {
	s.mux.mu.Lock()
	defer s.mux.mu.Unlock()
	for len(s.arrived) == 0 {
		if s.out.done != nil {
			return nil, s.out.done
		}
		s.out.changed.Wait()
	}
	c := s.arrived[0]
	s.arrived = s.arrived[1:]
	return c, nil
}

// Connection opens a stream for a connection of a listener, of the helper. address is the other end's. Call Room before:
// without credit of the client it fails.
func (s *Stream) Connection(address string) (*Stream, error) {
	m := s.mux
	m.mu.Lock()
	err := s.out.err()
	if err == nil && s.out.allowed <= 0 {
		err = ErrLimit
	}
	if err == nil {
		s.out.allowed--
	}
	m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	return m.open(Accepted, address[:min(len(address), MaxAddress)], s)
}
