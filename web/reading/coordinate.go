package reading

import (
	"sync"
	"time"

	"github.com/cineloop/cineloop/internal/fault"
)

// coordination is what the server keeps for coordinators.
type coordination struct {
	passwords sync.Mutex // one new one at a time: they share a file
	analysis  analysis
	exports   exports
	sources   sources
}

var errAgain = fault.New(fault.Usage, "this needs your password once more")

// steppedUp is nil where the visitor has proved a short while ago who they are.
func (s *Server) steppedUp(v *visitor) error {
	if s.now().Sub(v.session.created) > 5*time.Minute {
		return errAgain
	}
	return nil
}
