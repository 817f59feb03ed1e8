package trail

import (
	"encoding/json"
	"path/filepath"
	"time"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/ledger"
	"github.com/cineloop/cineloop/internal/fault"
)

// Files of the trail, in the order in which they are followed.
var Files = []string{annotate.LogFile, AccessFile, CommandFile}

// Chain is a log that was followed from its first entry to its last.
type Chain struct {
	File  string `json:"file"`
	There bool   `json:"there"` // nobody has been served yet, or nothing was done at a command line, where it is not
	ledger.Head
	First  time.Time      `json:"first,omitzero"`
	Last   time.Time      `json:"last,omitzero"`
	Events map[string]int `json:"events,omitempty"`
}

// Verify follows the chains of the project in dir, and replays the project. Code input where one was changed, notfound where there is no project.
func Verify(dir string) ([]Chain, error) {
	if _, _, err := annotate.OpenReadOnly(dir); err != nil {
		return nil, err
	}
	var out []Chain
	for _, name := range Files {
		c := Chain{File: name, There: true, Events: map[string]int{}}
		head, err := ledger.Read(filepath.Join(dir, name), func(seq int64, b []byte) error {
			var e struct {
				At    time.Time
				Event string
				Kind  annotate.Kind
			}
			if err := json.Unmarshal(b, &e); err != nil {
				return fault.New(fault.Input, "entry %d can't be read", seq)
			}
			if name == annotate.LogFile {
				e.Event = EventOf(e.Kind)
			}
			if c.First.IsZero() {
				c.First = e.At
			}
			c.Last = e.At
			c.Events[e.Event]++
			return nil
		})
		if fault.CodeOf(err) == fault.NotFound && name != annotate.LogFile {
			out = append(out, Chain{File: name})
			continue
		}
		if err != nil {
			return nil, fault.New(fault.CodeOf(err), "%s: %w", name, err)
		}
		c.Head = head
		out = append(out, c)
	}
	return out, nil
}
