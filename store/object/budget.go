package object

import (
	"sync/atomic"

	"github.com/cineloop/cineloop/internal/fault"
)

// Budget is a limit shared by all writers of a store, in bytes and in contents. Both are taken before anything is written for them and
// given back when a content turns out to be there already or is dropped. It counts what this process knows of.
type Budget struct {
	bytes, count limit
}

type limit struct {
	most int64 // 0: no limit
	used atomic.Int64
}

func (l *limit) take(n int64) bool {
	if used := l.used.Add(n); l.most > 0 && used > l.most && n > 0 {
		l.used.Add(-n)
		return false
	}
	return true
}

// NewBudget allows a number of bytes, of which used are taken; 0 is no limit.
func NewBudget(most, used int64) *Budget {
	b := &Budget{bytes: limit{most: most}}
	b.bytes.used.Store(used)
	return b
}

// Contents limits the number of contents too, of which used are there; 0 is no limit.
func (b *Budget) Contents(most, used int64) *Budget {
	b.count.most = most
	b.count.used.Store(used)
	return b
}

// Used is the number of bytes and of contents taken.
func (b *Budget) Used() (bytes, contents int64) { return b.bytes.used.Load(), b.count.used.Load() }

// Return gives bytes and contents back, as after a removal.
func (b *Budget) Return(bytes, contents int64) {
	b.bytes.used.Add(-bytes)
	b.count.used.Add(-contents)
}

const budgetHint = "raise the quota, or apply retention and then collect garbage"

func (b *Budget) take(n int64) error {
	if !b.bytes.take(n) {
		return fault.New(fault.Resource, "the store's quota of %d bytes is used up", b.bytes.most).WithHint(budgetHint)
	}
	return nil
}

func (b *Budget) takeContent() error {
	if !b.count.take(1) {
		return fault.New(fault.Resource, "the store's quota of %d contents is used up", b.count.most).WithHint(budgetHint)
	}
	return nil
}
