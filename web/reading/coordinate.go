package reading

import "sync"

// coordination is what the server keeps for coordinators.
type coordination struct {
	passwords sync.Mutex // one new one at a time: they share a file
	analysis  analysis
	exports   exports
	sources   sources
}
