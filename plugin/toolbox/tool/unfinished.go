package tool

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// ending are the signals that a user ends a tool with.
var ending = []os.Signal{unix.SIGINT, unix.SIGTERM, unix.SIGHUP}

// Unfinished makes a file with create. If a signal ends the tool before done is called, the file is removed.
func Unfinished(create func() (*os.File, error)) (file *os.File, done func(), err error) {
	signals, named, stop, ended := taken(), make(chan string, 1), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case s := <-signals:
			if name := <-named; name != "" {
				_ = os.Remove(name)
			}
			again(s)
		case <-stop:
		}
	}()
	done = func() {
		close(stop)
		<-ended
		signal.Stop(signals)
	}
	file, err = create()
	if err != nil {
		named <- ""
		return nil, done, err
	}
	named <- file.Name()
	return file, done, nil
}

// Attended says that the tool itself handles the signals that would end it.
var Attended bool

// Held runs a function that no signal ends in the middle.
func Held(do func() error) error {
	if Attended {
		return do()
	}
	signals := taken()
	err := do()
	signal.Stop(signals)
	select {
	case s := <-signals:
		again(s)
	default:
	}
	return err
}

// taken receives the signals that would end the tool. Those that are ignored stay so.
func taken() chan os.Signal {
	signals := make(chan os.Signal, 1)
	for _, s := range ending {
		if !signal.Ignored(s) {
			signal.Notify(signals, s)
		}
	}
	return signals
}

// again lets a signal do what it would have done.
func again(s os.Signal) {
	signal.Reset(s)
	_ = unix.Kill(os.Getpid(), s.(syscall.Signal))
	select {} // until it does
}
