package row

import (
	"encoding/json"
	"strconv"
	"time"

	"github.com/nsjoin/docker-nsjoin/pkg/survey"
)

// Record is a row as JSON prints it.
type Record struct {
	ID, Name, Image string
	State           string
	Process         int
	StartedAt       string
	Bundle          string
	Processes       int
	Namespaces      map[string]NamespaceRecord
	Guests          []GuestRecord
	MoreGuests      int           `json:",omitempty"` // that are not listed
	Mounts          []MountRecord `json:",omitempty"`
}

// MountRecord is a mount that docker nsjoin mount has made.
type MountRecord struct {
	Target, Source, Options, By, Time string
}

// Mounts is a list that a template prints as a number.
type Mounts []MountRecord

func (m Mounts) String() string { return strconv.Itoa(len(m)) }

// mountsOf returns the mounts of a row.
func mountsOf(r *survey.Row) (list Mounts) {
	for _, m := range r.Mounts {
		list = append(list, MountRecord{m.Target, m.Source, m.Options, m.By, time.Unix(m.Time, 0).UTC().Format(time.RFC3339)})
	}
	return list
}

// NamespaceRecord is one of the row's namespaces. With has the names of the containers that share it.
type NamespaceRecord struct {
	Shared    string // own, host or with
	Inode     uint64
	With      []string
	Owner     string
	Processes int
}

// GuestRecord is a guest of the row's namespaces.
type GuestRecord struct {
	PID       int
	User      string
	StartedAt string
	Command   string
	Cut       bool `json:",omitempty"` // Command is truncated
	Kinds     []string
	From      string
}

// Guests is a list that a template prints as a number. More counts those that are not in it.
type Guests struct {
	List []GuestRecord
	More int
}

func (g Guests) String() string { return strconv.Itoa(len(g.List) + g.More) }

// MarshalJSON encodes the whole row, even if other forms shorten it.
func (r *Row) MarshalJSON() ([]byte, error) { return json.Marshal(RecordOf(r)) }

// RecordOf returns the whole row. It is not a method: templates would have it as a column.
func RecordOf(r *Row) Record {
	return Record{
		ID: r.row.ID, Name: r.row.Name, Image: r.container.Image, State: r.container.State, Process: r.row.PID,
		StartedAt: r.StartedAt(), Bundle: r.row.Bundle, Processes: r.row.Processes,
		Namespaces: r.Namespaces(), Guests: guestsOf(r.row), MoreGuests: r.row.MoreGuests, Mounts: mountsOf(r.row),
	}
}

// Namespaces returns the row's namespaces by the names of their kinds.
func (r *columns) Namespaces() map[string]NamespaceRecord {
	all := make(map[string]NamespaceRecord)
	for _, n := range r.row.Namespaces {
		if n.Inode == 0 {
			continue
		}
		text := NamespaceRecord{Shared: n.String(), Inode: n.Inode, With: []string{}, Owner: "host", Processes: n.Processes}
		if owner := r.row.Owner(n.Kind); owner != nil {
			text.Owner = owner.Name
		}
		for _, other := range n.With {
			text.Shared = "with"
			text.With = append(text.With, other.Name)
		}
		all[n.Kind.String()] = text
	}
	return all
}

func guestsOf(row *survey.Row) []GuestRecord {
	texts := []GuestRecord{}
	for _, g := range row.Guests {
		text := GuestRecord{
			PID: g.PID, User: g.User, StartedAt: g.Started.Format(time.RFC3339),
			Command: g.Command, Cut: g.Cut, From: "host",
		}
		for _, k := range g.Kinds.Kinds() {
			text.Kinds = append(text.Kinds, k.String())
		}
		if g.From != nil {
			text.From = g.From.Name
		}
		texts = append(texts, text)
	}
	return texts
}
