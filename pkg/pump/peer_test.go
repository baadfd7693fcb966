package pump_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// peer sends random bytes and checks those that it receives.
type peer struct {
	conn          half
	random        *rand.Rand
	out, in       *rand.ChaCha8
	written, read int64
	regular, bad  bool
}

func newPeer(conn half, own, other uint64) *peer {
	return &peer{conn: conn, random: rand.New(rand.NewPCG(own, 7)), out: stream(own), in: stream(other)}
}

func stream(seed uint64) *rand.ChaCha8 {
	var s [32]byte
	for i := range 8 {
		s[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(s)
}

func (p *peer) run() {
	sizes := []int{1, 100, 5000, 100_000, 3_000_000}
	total := p.random.IntN(sizes[p.random.IntN(len(sizes))]) // may be 0
	slow := p.random.IntN(8) == 0
	end := p.random.IntN(5) // 0: reset, 1: close, others: regularly
	seed := p.random.Uint64()
	var both sync.WaitGroup
	both.Go(func() { p.receive(rand.New(rand.NewPCG(seed, 8)), slow) })
	whole := p.send(total)
	switch end {
	case 0:
		if c, ok := p.conn.(*net.TCPConn); ok {
			_ = c.SetLinger(0)
		}
		_ = p.conn.Close()
	case 1:
		_ = p.conn.Close()
	default:
		_ = p.conn.CloseWrite()
	}
	both.Wait()
	_ = p.conn.Close()
	p.regular = p.regular && whole && end > 1
}

func (p *peer) send(total int) (whole bool) {
	for total > 0 {
		b := make([]byte, min(total, 1+p.random.IntN(1<<p.random.IntN(19))))
		_, _ = p.out.Read(b)
		n, err := p.conn.Write(b)
		p.written += int64(n)
		if err != nil {
			return false
		}
		total -= n
		if p.random.IntN(10) == 0 {
			time.Sleep(time.Duration(p.random.IntN(2000)) * time.Microsecond)
		}
	}
	return true
}

func (p *peer) receive(random *rand.Rand, slow bool) {
	b := make([]byte, 1<<16)
	want := make([]byte, len(b))
	for {
		n, err := p.conn.Read(b[:1+random.IntN(len(b))])
		p.read += int64(n)
		_, _ = p.in.Read(want[:n])
		if string(want[:n]) != string(b[:n]) {
			p.bad = true
		}
		if err != nil {
			p.regular = errors.Is(err, io.EOF)
			return
		}
		if slow {
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
		}
	}
}
