package resolve

import (
	"math/rand/v2"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// question is a question about a name's addresses of one version.
type question struct {
	id      uint16
	asked   dnsmessage.Question
	message []byte
}

func newQuestion(name string, t dnsmessage.Type) (*question, error) {
	n, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, err
	}
	// The runtime seeds these numbers by the kernel; they cannot be predicted.
	q := &question{id: uint16(rand.Uint32()), asked: dnsmessage.Question{Name: n, Type: t, Class: dnsmessage.ClassINET}}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: q.id, RecursionDesired: true})
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q.asked); err != nil {
		return nil, err
	}
	q.message, err = b.Finish()
	return q, err
}

// isAnswer reports whether a message answers the question. Anything else may come from anybody.
func (q *question) isAnswer(message []byte) bool {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil || h.ID != q.id || !h.Response {
		return false
	}
	got, err := p.Question()
	if err != nil || got.Type != q.asked.Type || got.Class != q.asked.Class || !sameName(got.Name, q.asked.Name) {
		return false
	}
	_, err = p.Question()
	return err == dnsmessage.ErrSectionDone //nolint:errorlint // the package returns it as it is
}

func sameName(a, b dnsmessage.Name) bool { return strings.EqualFold(a.String(), b.String()) }

// read returns the addresses in an answer. None and no error mean that there are none.
func (q *question) read(message []byte) (found []netip.Addr, truncated bool, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(message)
	if err != nil {
		return nil, false, errGarbage
	}
	switch {
	case h.RCode == dnsmessage.RCodeNameError:
		return nil, false, nil
	case h.RCode != dnsmessage.RCodeSuccess:
		return nil, false, &serverError{h.RCode}
	case h.Truncated:
		return nil, true, nil
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, false, errGarbage
	}
	return readAnswers(&p, q.asked.Name)
}

// readAnswers reads the records. Those of a CNAME come before those of the name that it stands for; a record of any other
// name does not count.
func readAnswers(p *dnsmessage.Parser, name dnsmessage.Name) (found []netip.Addr, truncated bool, err error) {
	const most = 256
	for range most {
		h, err := p.AnswerHeader()
		if err == dnsmessage.ErrSectionDone { //nolint:errorlint // the package returns it as it is
			return found, false, nil
		}
		if err != nil {
			return nil, false, errGarbage
		}
		counts := sameName(h.Name, name) && h.Class == dnsmessage.ClassINET
		switch {
		case counts && h.Type == dnsmessage.TypeCNAME:
			var r dnsmessage.CNAMEResource
			r, err = p.CNAMEResource()
			name = r.CNAME
		case counts && h.Type == dnsmessage.TypeA:
			var r dnsmessage.AResource
			r, err = p.AResource()
			found = append(found, netip.AddrFrom4(r.A))
		case counts && h.Type == dnsmessage.TypeAAAA:
			var r dnsmessage.AAAAResource
			r, err = p.AAAAResource()
			found = append(found, netip.AddrFrom16(r.AAAA))
		default:
			err = p.SkipAnswer()
		}
		if err != nil {
			return nil, false, errGarbage
		}
	}
	return found, false, nil
}
