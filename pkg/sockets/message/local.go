package message

// What a client on this machine and its helper say to each other: messages of JSON on a socket of type SOCK_SEQPACKET, with
// descriptors (package passing). The helper's first message has ID 0: it is ready. Its last one has ID 0 and Over.

// Question is a client's message.
type Question struct {
	ID uint64 `json:"id"` // not 0
	Do Task   `json:"do"`
	// Family and Type are those of socket(2), and Count is the number of sockets; for Make. Type is for Connect and Listen
	// too.
	Family int `json:"family,omitempty"`
	Type   int `json:"type,omitempty"`
	Count  int `json:"count,omitempty"`
	// Programs asks for the programs too; for List.
	Programs bool `json:"programs,omitempty"`
	// Path is a UNIX socket's, as for Dial of package client.
	Path string `json:"path,omitempty"`
	// Of is the ID of the question that has bound the socket to remove.
	Of uint64 `json:"of,omitempty"`
}

// Task is what a client wants.
type Task string

// The tasks.
const (
	Make    Task = "make"    // sockets in the container's network; the answer has up to Count descriptors
	Connect Task = "connect" // to a UNIX socket; the answer has the descriptor
	Listen  Task = "listen"  // on a UNIX socket; the answer has the descriptor
	Remove  Task = "remove"  // the file of a UNIX socket that listened
	List    Task = "list"    // the answer has a file with a list of Listening, as JSON
	Resolve Task = "resolve" // the answer has a file with Names, as JSON
)

// Answer is the helper's message.
type Answer struct {
	ID uint64 `json:"id"`
	// Error says what failed, and is "" if nothing has. Errno is the kernel's reason, 0 if there is none.
	Error string `json:"error,omitempty"`
	Hint  string `json:"hint,omitempty"`
	Errno int    `json:"errno,omitempty"`
	// Over says that the helper ends: with an Error that the client should not start it again for, or because the
	// container's first process has ended.
	Over bool `json:"over,omitempty"`
	// Writer is whom messages on a UNIX socket must name.
	Writer *Writer `json:"writer,omitempty"`
}
