package confine

import (
	"errors"
	"io"

	"github.com/nsjoin/docker-nsjoin/pkg/program"
)

// Serve is the process's main function. It gives up its rights, and then answers until its standard input ends.
func Serve() error {
	in, out, err := giveUp()
	if err != nil {
		return send(out, answer{Failed: err.Error()}, maxAnswer)
	}
	if err := send(out, answer{Ready: true}, maxAnswer); err != nil {
		return err
	}
	for {
		var q question
		if err := receive(in, &q, maxRequest); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := send(out, parse(q), maxAnswer); err != nil {
			return err
		}
	}
}

func parse(q question) answer {
	var a answer
	switch {
	case q.Program != nil:
		facts := program.Parse(*q.Program)
		a.Program = &facts
	case q.Account != nil:
		found := program.ParseAccount(q.Account.Spec, q.Account.Groups, q.Account.Passwd, q.Account.Group)
		a.Account = &found
	case q.Paths != nil:
		found := program.ParsePaths(q.Paths.Text, q.Paths.Musl)
		a.Paths = &found
	}
	return a
}
