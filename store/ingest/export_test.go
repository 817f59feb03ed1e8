package ingest

import (
	"testing"
	"time"
)

// Limits sets what archives may come to, for one test.
func Limits(t *testing.T, members, expand int64) {
	oldMembers, oldExpand := maxMembers, expandFree
	maxMembers, expandFree = members, expand
	t.Cleanup(func() { maxMembers, expandFree = oldMembers, oldExpand })
}

// Hasty lets a test not wait between repetitions of requests.
func Hasty(t *testing.T) {
	webWait = time.Millisecond
	t.Cleanup(func() { webWait = 0 })
}

// Printable is printable.
var Printable = printable
