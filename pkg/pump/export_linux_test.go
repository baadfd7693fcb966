package pump

import "net"

// WithoutPipes makes the Pump copy as if the system had no more pipes.
func (p *Pump) WithoutPipes() { p.loops.pipes.failed = true }

// Lent returns how many pipes are lent.
func (p *Pump) Lent() int {
	p.loops.pipes.mu.Lock()
	defer p.loops.pipes.mu.Unlock()
	return p.loops.pipes.lent
}

// MostLent is the limit of that.
const MostLent = mostLent

// Adopt is the part of Join after it has seen that the Pump is not closed.
func (p *Pump) Adopt(a, b net.Conn) bool { return p.adopt(a, b, func(int64, int64, error) {}) }
