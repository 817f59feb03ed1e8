package pixel

import (
	"os"

	"github.com/cineloop/cineloop/internal/fault"
)

// spoolMemory is how much a spool keeps in memory before it goes to a file.
const spoolMemory = 64 << 20

// spool gathers the frames of a file that is being transcoded: in memory, or where there is much of it in a temporary file, whose pages
// the system takes back as it needs them.
type spool struct {
	ends   []int64
	limit  int
	mem    []byte
	file   *os.File
	mapped []byte
}

func (s *spool) add(b []byte) error {
	at := int64(0)
	if n := len(s.ends); n > 0 {
		at = s.ends[n-1]
	}
	s.ends = append(s.ends, at+int64(len(b)))
	if s.file == nil && len(s.mem)+len(b) <= s.limit {
		s.mem = append(s.mem, b...)
		return nil
	}
	if s.file == nil {
		f, err := os.CreateTemp("", "cineloop-frames-*")
		if err != nil {
			return fault.New(fault.Resource, "a file for the frames: %w", err)
		}
		_ = os.Remove(f.Name()) // it goes with its last user; where that can't be done, close does it
		s.file = f
		if _, err := f.Write(s.mem); err != nil {
			return fault.New(fault.Resource, "a file for the frames: %w", err)
		}
		s.mem = nil
	}
	if _, err := s.file.Write(b); err != nil {
		return fault.New(fault.Resource, "a file for the frames: %w", err)
	}
	return nil
}

// all is everything that was added, one after the other, until close.
func (s *spool) all() ([]byte, error) {
	if s.file == nil || len(s.ends) == 0 {
		return s.mem, nil
	}
	if s.mapped == nil {
		b, err := mapFile(s.file, s.ends[len(s.ends)-1])
		if err != nil {
			return nil, fault.New(fault.Resource, "reading the frames again: %w", err)
		}
		s.mapped = b
	}
	return s.mapped, nil
}

// parts is each of what was added, until close.
func (s *spool) parts() ([][]byte, error) {
	b, err := s.all()
	if err != nil {
		return nil, err
	}
	out := make([][]byte, len(s.ends))
	at := int64(0)
	for i, end := range s.ends {
		out[i] = b[at:end:end]
		at = end
	}
	return out, nil
}

func (s *spool) close() {
	if s.mapped != nil {
		unmapFile(s.mapped)
	}
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
	}
	*s = spool{}
}
